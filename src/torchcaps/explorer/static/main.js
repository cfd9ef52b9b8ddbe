// Puts the page together: state, engine, panels, and what the buttons at the head do.

import { Context } from "./context.js";
import { h, put, set } from "./dom.js";
import { Loop } from "./loop.js";
import { Page } from "./page.js";
import { fromHash, toHash } from "./permalink.js";
import { forgetColours } from "./pixels.js";
import { drawPoster } from "./poster.js";
import { copyText, showPython } from "./python.js";
import { freshState } from "./store.js";
import { makeTour } from "./panels/tour.js";
import { TrainingOffer } from "./panels/training.js";

const NAMES = { digits: "Digits", faces: "Faces" };
const REMEMBER_AFTER = 300;
const at = (id) => document.getElementById(id);

class Explorer {
  #remembered = new Map();

  constructor() {
    this.context = new Context();
    this.store = this.context.store;
    this.page = new Page(this.context);
    this.loop = new Loop(this.context, this.page);
    this.page.onRoutingSeen = () => this.#look();
    this.offer = new TrainingOffer(this.context, at("offer"), (id) => this.#trained(id));
    this.store.listen((state, before) => this.#changed(state, before));
    makeTour(at("tour"), this.store, {
      ready: () => this.#ready(),
      sweep: () => this.page.trace.sweep(),
      pose: () => this.loop.last && this.context.lookInto(this.loop.last.view).answer?.pose,
      play: () => this.page.routing.play(),
      scramble: () => this.#scramble(),
    });
    at("copy-link").addEventListener("click", () => this.#copyLink());
    at("save-picture").addEventListener("click", () => this.#savePicture());
    at("copy-python").addEventListener("click", () => this.#copyPython());
    at("theme").addEventListener("click", () => this.#switchTheme());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#repaint());
    addEventListener("hashchange", () => this.#followHash());
  }

  async start() {
    try {
      await this.context.read();
    } catch (error) {
      return this.context.notice.show(error);
    }
    const first = this.context.sets.find((one) => one.models.length > 0) ?? this.context.sets[0];
    this.#open(fromHash(location.hash, this.context.sets) ?? this.#fresh(first.id));
  }

  #fresh(id) {
    return freshState(id, this.context.set(id).first_view);
  }

  /** Look at a set: its panels, or the offer to train. */
  async #open(state) {
    const info = this.context.set(state.set);
    const ready = info.models.length > 0;
    document.documentElement.dataset.set = state.set;
    this.#drawSwitches(state.set);
    at("bench").hidden = !ready;
    at("tour").hidden = !this.context.sets.some((one) => one.models.length > 0);
    for (const id of ["copy-link", "save-picture", "copy-python"]) at(id).hidden = !ready;
    if (!ready) {
      this.store.replace(state);
      return this.offer.open(state.set, this.context.training);
    }
    this.offer.close();
    this.store.state = { ...this.store.state, set: state.set };
    this.page.set(info);
    this.store.replace(state);
    if (state.set === "faces" && state.source.kind !== "face") await this.page.faces.open();
  }

  #changed(state, before) {
    if (!this.context.set(state.set)?.models.length) return;
    this.page.state(state, before);
    this.#drawModels();
    this.#look();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#remember(), REMEMBER_AFTER);
  }

  /** Faces begin with a drawing that is on its way. */
  #look() {
    const { set: id, source } = this.store.state;
    if (id !== "faces" || source.kind === "face") this.loop.look();
  }

  /** Go to another set, where it was left. */
  #switchTo(id) {
    if (id === this.store.state.set) return undefined;
    this.#remembered.set(this.store.state.set, this.store.state);
    return this.#open(this.#remembered.get(id) ?? this.#fresh(id));
  }

  /** Go to a set that has networks. */
  async #ready() {
    const other = this.context.sets.find((one) => one.models.length > 0);
    if (this.context.set().models.length === 0) await this.#switchTo(other.id);
  }

  #drawSwitches(id) {
    const open = (other) => () => this.#switchTo(other);
    put(
      at("sets"),
      this.context.sets.map((one) =>
        h("button", { type: "button", "aria-pressed": String(one.id === id), onclick: open(one.id) }, NAMES[one.id]),
      ),
    );
  }

  #drawModels() {
    const inside = this.context.set().models.filter((model) => model.pose_dim !== null);
    const chosen = this.context.lookInto();
    const key = `${inside.map((model) => model.id)} ${chosen?.id} ${this.store.state.set}`;
    if (this.models === key) return;
    this.models = key;
    const choose = (model) => () => this.store.set({ model, delta: null, roll: 0, iterations: null, shown: null });
    put(
      at("models"),
      inside.map(({ id }) =>
        h(
          "button",
          { type: "button", "aria-pressed": String(id === chosen.id), "--accent": this.context.colour(id), onclick: choose(id) },
          h("i", { class: "swatch" }),
          id,
        ),
      ),
    );
  }

  async #trained(id) {
    await this.context.read();
    if (this.store.state.set === id) await this.#open(this.#fresh(id));
  }

  async #scramble() {
    await this.#switchTo("faces");
    if (this.context.set().models.length > 0) await this.page.faces.scramble();
  }

  #remember() {
    const { text } = toHash(this.store.state);
    this.hash = `#${text}`;
    history.replaceState(null, "", this.hash);
  }

  /** An address that was typed or pasted, or a step back. */
  #followHash() {
    if (location.hash === this.hash) return;
    const state = fromHash(location.hash, this.context.sets);
    if (state) this.#open(state);
  }

  async #copyLink() {
    const { text, whole } = toHash(this.store.state);
    const address = `${location.origin}${location.pathname}#${text}`;
    const copied = await copyText(address);
    if (!whole) this.context.notice.tell("The link has everything except the picture, which is too large for an address.");
    else if (copied) this.context.notice.tell("The link is copied. It works wherever the same networks are served.");
    else this.context.notice.tell(`The browser did not allow copying. The link: ${address}`);
  }

  #savePicture() {
    const { last } = this.loop;
    if (!last) return;
    const canvas = drawPoster(last, this.context.set(), this.context.lookInto(last.view), (model) => this.context.colour(model));
    canvas.toBlob((blob) => {
      const link = h("a", { href: URL.createObjectURL(blob), download: "torchcaps.png" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    }, "image/png");
  }

  async #copyPython() {
    const { set: id, source, transform } = this.store.state;
    try {
      const { code } = await this.context.engine.python({ set: id, source, transform });
      await showPython(at("python"), code);
    } catch (error) {
      this.context.notice.show(error);
    }
  }

  #switchTheme() {
    const root = document.documentElement;
    const dark = getComputedStyle(root).colorScheme === "dark" || (root.dataset.theme === undefined && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("torchcaps-theme", root.dataset.theme);
    this.#repaint();
  }

  #repaint() {
    forgetColours();
    this.loop.redraw();
    this.page.repaint();
  }
}

set(document.documentElement, { "data-asked": "0", "data-drawn": "0", "data-settled": "0" });
new Explorer().start();
