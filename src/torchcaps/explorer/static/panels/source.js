// The source of the picture: a test image, a drawing, or a file.

import { h, newId, set } from "../dom.js";
import { pack, unpack } from "../pixels.js";
import { UPRIGHT } from "../store.js";
import { DrawingPad } from "./draw.js";
import { UploadBox } from "./upload.js";

const TABS = { test: "Test image", draw: "Draw", upload: "Upload" };

export class SourcePanel {
  #store;
  #context;
  #buttons = {};

  constructor(context) {
    this.#context = context;
    this.#store = context.store;
    this.pad = new DrawingPad((blob) => this.#picture(blob, true));
    this.upload = new UploadBox((blob) => this.#picture(blob, false));
    this.#makeTestRow();
    this.parts = { test: this.test, draw: this.pad.element, upload: this.upload.element };
    for (const [name, text] of Object.entries(TABS)) {
      this.#buttons[name] = h("button", { type: "button", onclick: () => this.#open(name) }, text);
    }
    this.element = h(
      "div",
      { class: "source" },
      h("div", { class: "switch", role: "group", "aria-label": "Where the picture comes from" }, Object.values(this.#buttons)),
      Object.values(this.parts),
    );
  }

  set(info) {
    this.index.max = info.test_images - 1;
    this.classes.replaceChildren(
      ...info.classes.map((name, label) =>
        h("button", { type: "button", "aria-label": `A test image of ${name}`, onclick: () => this.#ofClass(label) }, name),
      ),
    );
  }

  state({ tab, source }) {
    for (const name of Object.keys(TABS)) {
      set(this.#buttons[name], { "aria-pressed": String(name === tab) });
      this.parts[name].hidden = name !== tab;
    }
    if (source.kind === "test" && document.activeElement !== this.index) this.index.value = source.index;
  }

  #makeTestRow() {
    const id = newId("index");
    this.index = h("input", { type: "number", id, min: 0, step: 1, onchange: () => this.#go(this.index.valueAsNumber) });
    this.classes = h("div", { class: "classes row", role: "group", "aria-label": "A test image of one class" });
    const step = (by) => () => this.#go((this.index.valueAsNumber || 0) + by);
    this.test = h(
      "div",
      {},
      h(
        "div",
        { class: "row" },
        h("label", { for: id, class: "soft" }, "number"),
        this.index,
        h("button", { type: "button", "aria-label": "Previous test image", onclick: step(-1) }, "‹"),
        h("button", { type: "button", "aria-label": "Next test image", onclick: step(1) }, "Next ›"),
        h("button", { type: "button", onclick: () => this.#go(Math.floor(Math.random() * this.#count)) }, "Random"),
      ),
      this.classes,
    );
  }

  get #count() {
    return this.#context.set().test_images;
  }

  #go(index) {
    const wrapped = ((Math.round(index || 0) % this.#count) + this.#count) % this.#count;
    this.index.value = wrapped;
    this.#store.set({ tab: "test", source: { kind: "test", index: wrapped }, delta: null, roll: 0 });
  }

  /** The next test image of a class after the one that is shown. */
  #ofClass(label) {
    const known = this.#context.set().first_of_class[label];
    const now = this.#store.state.source.index ?? -1;
    if (known.length > 0) this.#go(known.find((index) => index > now) ?? known[0]);
  }

  #open(tab) {
    const { source } = this.#store.state;
    if (tab === "test" && source.kind !== "test") this.#go(this.index.valueAsNumber);
    else this.#store.set({ tab });
    if (tab === "draw") this.pad.focus();
  }

  /** Have a drawing or a file brought to the networks' shape, and look at it. */
  async #picture(blob, ink) {
    const { engine, notice } = this.#context;
    const { set: id, tab } = this.#store.state;
    try {
      const { pixels, inverted } = await engine.picture(id, blob, ink);
      if (this.#store.state.set !== id || this.#store.state.tab !== tab) return;
      notice.clear();
      if (inverted) notice.tell("The picture was inverted to light on dark, like the training images.");
      // A rotation of the test image before it is not meant for the new picture.
      const { source, transform } = this.#store.state;
      const kept = source.kind === "test" ? UPRIGHT : transform;
      this.#store.set({ source: { kind: "pixels", pixels: pack(unpack(pixels)) }, transform: kept, delta: null, roll: 0 });
    } catch (error) {
      notice.show(error);
    }
  }
}
