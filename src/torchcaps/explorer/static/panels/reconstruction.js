// The picture decoded from the pose alone, and a slider for each of its numbers.

import { h, put, say, set } from "../dom.js";
import { difference, paint, paintSigned, rgb } from "../pixels.js";
import { slider } from "./transform.js";

const RANGES = [0.25, 0.5, 1];

/** The measured pose, turned by some orientations, with the sliders' numbers added. */
export function movedPose(pose, { delta, roll }, model) {
  const step = model.orientations ? pose.length / model.orientations : 0;
  const shift = (((roll * step) % pose.length) + pose.length) % pose.length;
  const turned = shift ? [...pose.slice(-shift), ...pose.slice(0, -shift)] : pose;
  return delta && delta.length === pose.length ? turned.map((value, k) => value + delta[k]) : turned;
}

/** The sliders are off their places. */
export function isMoved({ delta, roll }) {
  return roll !== 0 || (delta !== null && delta.some((value) => value !== 0));
}

export class ReconstructionPanel {
  #context;
  #store;
  #sliders = [];
  #dim = 0;
  #range = RANGES[0];

  constructor(context, element) {
    this.#context = context;
    this.#store = context.store;
    const figure = (text) => {
      const canvas = h("canvas", { class: "pixels", role: "img", "aria-label": text });
      return { canvas, element: h("figure", {}, canvas, h("figcaption", {}, text)) };
    };
    this.measured = figure("measured pose");
    this.moved = figure("after the sliders");
    this.difference = figure("difference");
    this.back = h("button", { type: "button", id: "measured", onclick: () => this.#store.set({ delta: null, roll: 0 }) }, "Reset to the measured pose");
    this.wider = h("button", { type: "button", onclick: () => this.#widen() });
    this.turn = slider("rotate", {
      least: -4, most: 4, step: 1, label: "Rotate the pose by some orientations",
      told: (value) => `${Math.round(value * this.step * 10) / 10}°`,
      oninput: (value) => this.#store.set({ roll: value }),
    });
    this.grid = h("div", { class: "numbers", role: "group", "aria-label": "The numbers of the pose" });
    this.none = h("p", { class: "soft" });
    this.body = h(
      "div",
      {},
      h("div", { class: "three" }, this.measured.element, this.moved.element, this.difference.element),
      this.turn.element,
      this.grid,
      h("div", { class: "row" }, this.back, this.wider),
    );
    put(element, this.body, this.none);
    this.step = 22.5;
  }

  /** decoded: what the moved pose looks like, or null where nothing is moved. */
  show(view, state, look, decoded) {
    const { model, answer } = look;
    this.body.hidden = answer?.reconstruction == null;
    this.none.hidden = !this.body.hidden;
    if (this.body.hidden) {
      say(this.none, model ? `${model.id} has no decoder.` : "None of these networks has a decoder.");
      return;
    }
    this.body.style.setProperty("--accent", this.#context.colour(model.id));
    this.#prepare(model, answer.pose.length);
    const drawn = decoded ?? answer.reconstruction;
    paint(this.measured.canvas, answer.reconstruction, view.tone);
    paint(this.moved.canvas, drawn, view.tone);
    const [, height, width] = drawn.shape;
    paintSigned(this.difference.canvas, difference(drawn, answer.reconstruction).map((value) => 2 * value), [height, width], [rgb(this.#context.colour(model.id)), rgb("--soft")]);
    this.difference.canvas.style.aspectRatio = `${width} / ${height}`;
    this.pose = answer.pose;
  }

  state(state) {
    const { delta, roll } = state;
    if (delta) while (this.#range < Math.max(...delta.map(Math.abs)) && this.#range < RANGES.at(-1)) this.#widen();
    this.#sliders.forEach((one, k) => one.put(delta?.[k] ?? 0));
    this.turn.put(roll);
    this.back.disabled = !isMoved(state);
  }

  /** As many sliders as the pose has numbers. */
  #prepare(model, dim) {
    this.turn.element.hidden = !model.orientations;
    if (model.orientations) {
      this.step = 360 / model.orientations;
      const reach = Math.floor(model.window / this.step);
      set(this.turn.input, { min: -reach, max: reach });
    }
    if (dim === this.#dim) return;
    this.#dim = dim;
    this.#sliders = Array.from({ length: dim }, (_, k) =>
      slider(`${k + 1}`, {
        least: -this.#range, most: this.#range, step: 0.005, label: `Number ${k + 1} of the pose, added to the measured value`,
        told: (value) => (value === 0 ? "0" : `${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`),
        oninput: (value) => this.#change(k, value),
      }),
    );
    put(this.grid, this.#sliders.map((one) => one.element));
    this.grid.classList.toggle("many", dim > 24);
    this.#say();
    this.state(this.#store.state);
  }

  #change(k, value) {
    const delta = [...(this.#store.state.delta ?? new Array(this.#dim).fill(0))];
    delta[k] = value;
    this.#store.set({ delta });
  }

  #widen() {
    this.#range = RANGES[(RANGES.indexOf(this.#range) + 1) % RANGES.length];
    for (const { input } of this.#sliders) set(input, { min: -this.#range, max: this.#range });
    this.#say();
  }

  #say() {
    say(this.wider, `Range ± ${this.#range}`);
    set(this.wider, { "aria-label": `Range of the sliders: plus and minus ${this.#range}; change it` });
  }
}
