// A face whose parts are dragged about: handles over the stage's picture, and buttons beneath it.

import { h, put, s, set } from "../dom.js";
import { apply, invert, matrixOf } from "../geometry.js";
import { clamp, wrapDegrees } from "../store.js";
import { HALF } from "./stage.js";
import { slider } from "./transform.js";

const SCRAMBLED = ["eyes below mouth", "nose on forehead", "nose below mouth"];
// Half axes of what can be taken hold of, in the part's own frame.
const REACH = { "left eye": [0.26, 0.2], "right eye": [0.26, 0.2], nose: [0.2, 0.22], mouth: [0.34, 0.19] };
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 0.04;
// A face that looks one in the eye; any other number would do.
const FIRST_SEED = 10;

export class FacePanel {
  #context;
  #store;
  #stage;
  #handles = new Map();
  #scrambles = 0;

  constructor(context, stage) {
    this.#context = context;
    this.#store = context.store;
    this.#stage = stage;
    this.smile = slider("mouth", {
      least: -1, most: 1, step: 0.05, label: "Mouth, from a frown to a smile",
      told: (value) => (value > 0.15 ? "smile" : value < -0.15 ? "frown" : "level"),
      oninput: (value) => this.#change({ expression: value }),
    });
    const button = (text, act) => h("button", { type: "button", onclick: act }, text);
    this.element = h(
      "div",
      { class: "source" },
      h(
        "div",
        { class: "row" },
        button("Scramble", () => this.scramble()),
        button("Restore", () => this.#fetch("face", this.#seed)),
        button("New face", () => this.#fetch("face", this.#seed + 1)),
        button("House", () => this.#fetch("house", this.#seed)),
        button("Car", () => this.#fetch("car", this.#seed)),
      ),
      this.smile.element,
    );
  }

  get #seed() {
    return this.#store.state.seed ?? FIRST_SEED;
  }

  get #figure() {
    const { source } = this.#store.state;
    return source.kind === "face" ? source.figure : null;
  }

  /** The first face of a set that has just been opened. */
  open() {
    return this.#fetch("face", this.#seed);
  }

  /** The same parts in one of three other orders, in turn. */
  async scramble() {
    const name = SCRAMBLED[this.#scrambles % SCRAMBLED.length];
    this.#scrambles += 1;
    await this.#fetch(name, this.#seed);
  }

  state({ source, transform }) {
    if (source.kind !== "face") return void put(this.#stage.overlay);
    const { figure } = source;
    this.smile.put(figure.expression);
    if (this.#handles.size === 0) figure.parts.forEach((part, k) => this.#makeHandle(part.name, k));
    if (!this.#stage.overlay.hasChildNodes()) {
      // The head first: whatever lies on it is in front.
      put(this.#stage.overlay, [...this.#handles.values()]);
    }
    const matrix = matrixOf(transform);
    figure.parts.forEach((part, k) => this.#placeHandle(part, figure.shown[k], matrix, transform));
  }

  /** Take the handles off the stage; another set is looked at. */
  leave() {
    put(this.#stage.overlay);
  }

  async #fetch(name, seed) {
    try {
      const figure = await this.#context.engine.figure(name, seed);
      if (this.#store.state.set !== "faces") return;
      this.#store.set({ seed, edited: false, source: { kind: "face", figure } });
    } catch (error) {
      this.#context.notice.show(error);
    }
  }

  #change(patch) {
    if (!this.#figure) return;
    // With another smile a face stays a face; with moved parts its label is unknown.
    const edited = this.#store.state.edited || "parts" in patch;
    this.#store.set({ edited, source: { kind: "face", figure: { ...this.#figure, ...patch } } });
  }

  #makeHandle(name, k) {
    const handle = s(
      "ellipse",
      {
        class: name === "head" ? "feature head" : "feature",
        tabindex: "0",
        role: "button",
        "aria-roledescription": "part to drag",
        onpointerdown: (event) => this.#drag(event, k),
        onkeydown: (event) => this.#key(event, k),
      },
    );
    this.#handles.set(name, handle);
  }

  #placeHandle(part, shown, matrix, transform) {
    const handle = this.#handles.get(part.name);
    const [x, y] = apply(matrix, [part.x * HALF, part.y * HALF]);
    const [dx, dy] = [transform.dx * this.#stage.pixel, transform.dy * this.#stage.pixel];
    const [across, down] = REACH[part.name] ?? [0.84, 1];
    const size = part.scale * transform.scale * HALF;
    set(handle, {
      rx: across * size,
      ry: down * size,
      transform: `translate(${x + dx} ${y + dy}) rotate(${-(part.rotation + transform.degrees)})`,
      "aria-label": `${part.name}${shown ? "" : ", hidden"}: arrow keys move it, comma and full stop rotate it, plus and minus scale it, Delete hides or shows it`,
      "data-part": part.name,
    });
    handle.classList.toggle("gone", !shown);
  }

  #drag(event, k) {
    if (event.button > 0) return;
    event.stopPropagation();
    const handle = event.currentTarget;
    handle.setPointerCapture(event.pointerId);
    const start = this.#stage.place(event);
    const figure = this.#figure;
    const back = invert(matrixOf(this.#store.state.transform));
    const move = (moved) => {
      const now = this.#stage.place(moved);
      const [x, y] = apply(back, [now[0] - start[0], now[1] - start[1]]);
      this.#shift(figure, k, x / HALF, y / HALF);
    };
    const stop = () => handle.removeEventListener("pointermove", move);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", stop, { once: true });
    handle.addEventListener("pointercancel", stop, { once: true });
  }

  /** Move one part; with the head, everything. */
  #shift(figure, k, x, y) {
    const held = figure.parts[k];
    const all = held.name === "head";
    const [right, down] = [clamp(held.x + x, -1, 1) - held.x, clamp(held.y + y, -1, 1) - held.y];
    const moved = (pose) => ({ ...pose, x: pose.x + right, y: pose.y + down });
    this.#change({
      parts: figure.parts.map((part, at) => (all || at === k ? moved(part) : part)),
      whole: all ? moved(figure.whole) : figure.whole,
    });
  }

  #key(event, k) {
    const figure = this.#figure;
    const part = figure.parts[k];
    const change = (patch) =>
      this.#change({ parts: figure.parts.map((one, at) => (at === k ? { ...one, ...patch } : one)) });
    const fast = event.shiftKey ? 4 : 1;
    if (event.key in KEYS) {
      const [x, y] = KEYS[event.key];
      this.#shift(figure, k, x * STEP * fast, y * STEP * fast);
    } else if (",<".includes(event.key)) change({ rotation: wrapDegrees(part.rotation + 5 * fast) });
    else if (".>".includes(event.key)) change({ rotation: wrapDegrees(part.rotation - 5 * fast) });
    else if ("+=".includes(event.key)) change({ scale: clamp(part.scale * 1.06, 0.3, 1.5) });
    else if ("-_".includes(event.key)) change({ scale: clamp(part.scale / 1.06, 0.3, 1.5) });
    else if (event.key === "Delete" || event.key === "Backspace") {
      this.#change({ shown: figure.shown.map((shown, at) => (at === k ? !shown : shown)) });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
