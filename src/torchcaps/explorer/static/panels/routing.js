// Parts and wholes, joined by lines as thick as the couplings, iteration by iteration.

import { onWidth } from "../chart.js";
import { h, newId, put, say, set } from "../dom.js";
import { paint, paintSigned, rgb } from "../pixels.js";
import { MEASURES, RoutingGraph } from "./routing_graph.js";

const MOST = 10;
const PAUSE = 750;

export class RoutingPanel {
  #context;
  #store;
  #answer = null;
  #view = null;
  #model = null;
  #picked = null;

  constructor(context, element) {
    this.#context = context;
    this.#store = context.store;
    this.graph = new RoutingGraph((picked) => this.#pick(picked));
    this.canvas = h("canvas", { class: "pixels", role: "img", "aria-label": "The picture, with the squares that parts look at" });
    this.heat = h("canvas", { class: "heat", "aria-hidden": "true" });
    this.squares = h("div", { class: "squares", "aria-hidden": "true" });
    this.words = h("p", { class: "words", "aria-live": "polite" });
    this.none = h("p", { class: "soft" });
    const box = h("div", { class: "seen" }, h("div", { class: "layers" }, this.canvas, this.heat, this.squares), this.words);
    const field = h("div", { class: "graph" }, this.graph.svg);
    this.body = h("div", {}, this.#controls(), h("div", { class: "routed" }, box, field));
    put(element, this.body, this.none);
    onWidth(field, (width) => this.graph.resize(width));
  }

  /** Whether to ask for routing at all. */
  get wanted() {
    const model = this.#context.lookInto();
    return Boolean(model?.can.routing);
  }

  state(state) {
    const model = this.#context.lookInto();
    this.body.hidden = !this.wanted;
    this.none.hidden = this.wanted;
    if (!this.wanted) return say(this.none, model ? `${model.id} has no routing.` : "None of these networks has routing.");
    const most = state.iterations ?? model.iterations;
    set(this.slider, { max: most });
    this.slider.value = state.shown ?? most;
    say(this.output, `${this.slider.value} of ${most}`);
    if (document.activeElement !== this.most) this.most.value = most;
    this.slider.disabled = most === 1;
    if (this.#answer) this.#draw();
  }

  show(answer, view) {
    this.#answer = answer;
    this.#view = view;
    this.#model = this.#context.lookInto();
    this.body.style.setProperty("--accent", this.#context.colour(this.#model.id));
    paint(this.canvas, view.image, view.tone);
    this.#draw();
  }

  /** From the first iteration to the last, one after the other. */
  async play() {
    const most = Number(this.slider.max);
    for (let at = 1; at <= most; at += 1) {
      this.#store.set({ shown: at === most ? null : at });
      if (at < most) await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }

  #controls() {
    const [slider, most] = [newId("iteration"), newId("iterations")];
    this.slider = h("input", { type: "range", id: slider, min: 1, step: 1, oninput: () => this.#show(this.slider.valueAsNumber) });
    this.output = h("output", { for: slider });
    this.most = h("input", { type: "number", id: most, min: 1, max: MOST, onchange: () => this.#route(this.most.valueAsNumber) });
    return h(
      "div",
      { class: "row iterations" },
      h("label", { for: slider }, "iteration"),
      this.slider,
      this.output,
      h("button", { type: "button", onclick: () => this.play() }, "Play"),
      h("label", { for: most, class: "soft" }, "route"),
      this.most,
      h("span", { class: "soft" }, "times"),
    );
  }

  #show(at) {
    this.#store.set({ shown: at });
  }

  #route(times) {
    const wanted = Math.min(MOST, Math.max(1, Math.round(times) || 1));
    this.most.value = wanted;
    this.#store.set({ iterations: wanted, shown: null });
  }

  #pick(picked) {
    this.#picked = picked;
    if (this.#answer) this.#draw();
  }

  #draw() {
    const at = Math.min(this.#answer.iterations, this.#store.state.shown ?? this.#answer.iterations) - 1;
    this.graph.show(this.#answer, at, this.#view, this.#picked);
    this.#drawHeat();
    this.#drawSquares();
    say(this.words, this.#tell(at));
  }

  /** Who supports the whole that is pointed at; without one, the winner. */
  #drawHeat() {
    const { support, field, winner } = this.#answer;
    const whole = this.#picked === null ? winner : this.#picked.whole;
    this.heat.hidden = whole === undefined;
    if (this.heat.hidden) return;
    const [, height, width] = this.#view.image.shape;
    const map = support[whole];
    // A position of the grid stands for `stride` pixels about the middle of the square it sees.
    const edge = (field.side - field.stride) / 2;
    const more = rgb(this.#context.colour(this.#model.id));
    paintSigned(this.heat, map.data.flat(), map.shape, [more, rgb("--soft")], 0.6);
    Object.assign(this.heat.style, {
      left: `${(100 * (field.left + edge)) / width}%`,
      top: `${(100 * (field.top + edge)) / height}%`,
      width: `${(100 * field.stride * map.shape[1]) / width}%`,
      height: `${(100 * field.stride * map.shape[0]) / height}%`,
    });
  }

  #drawSquares() {
    const [, height, width] = this.#view.image.shape;
    put(
      this.squares,
      this.#answer.parts.map(({ top, left, side }, k) => {
        const square = h("i", { class: this.#picked?.part === k ? "on" : "" });
        Object.assign(square.style, {
          left: `${(100 * left) / width}%`,
          top: `${(100 * top) / height}%`,
          width: `${(100 * side) / width}%`,
          height: `${(100 * side) / height}%`,
        });
        return square;
      }),
    );
  }

  #tell(at) {
    const { parts, lengths, kind, classes, winner, iterations } = this.#answer;
    const percent = (value) => `${Math.round(100 * value)} %`;
    if (this.#picked?.part !== undefined) {
      const { couplings, agreement, length } = parts[this.#picked.part];
      const best = couplings[at].indexOf(Math.max(...couplings[at]));
      return `A part of length ${length.toFixed(2)} gives ${percent(couplings[at][best])} of its vote to ${classes[best]}; agreement with that whole ${agreement[best].toFixed(2)} (cosine).`;
    }
    if (this.#picked?.whole !== undefined) {
      const whole = this.#picked.whole;
      const given = parts.reduce((sum, part) => sum + part.couplings[at][whole], 0) / parts.length;
      return `${classes[whole]}: ${MEASURES[kind]} ${lengths[at][whole].toFixed(2)}; the parts shown give it ${percent(given)} of their votes. In colour, support after the last iteration; in grey, opposition.`;
    }
    const best = lengths[at].indexOf(Math.max(...lengths[at]));
    const split = parts.every(({ couplings }) => couplings[0].every((sent) => Math.abs(sent * classes.length - 1) < 0.001));
    const even = at === 0 && split ? ` In the first iteration every vote is split evenly over the ${classes.length} wholes.` : "";
    return `Iteration ${at + 1} of ${iterations}: ${classes[best]} has the greatest ${MEASURES[kind]}, ${lengths[at][best].toFixed(2)}. In colour, support for ${classes[winner]} after the last iteration.${even}`;
  }
}
