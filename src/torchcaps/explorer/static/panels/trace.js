// The probability of the true class against the angle: the last moves as dots, a sweep as lines.
// Where parts are moved and not the picture, against the moves themselves.

import { axes, line, onWidth } from "../chart.js";
import { h, put, s, set } from "../dom.js";
import { Latest } from "../engine.js";
import { wrapDegrees } from "../store.js";

const HEIGHT = 230;
const KEPT = 90;
const SETTLED = 450;
const AXIS = { range: [0, 1], ticks: [[0, "0"], [0.5, ".5"], [1, "1"]] };
const ANGLES = {
  range: [-180, 180],
  ticks: [-180, -135, -90, -45, 0, 45, 90, 135, 180].map((angle) => [angle, `${angle}°`.replace("-", "−")]),
  label: "rotation of the picture, counter-clockwise",
};
const MOVES = { range: [1 - KEPT, 0], ticks: [], label: "the last moves, the newest at the right" };

export class TracePanel {
  #context;
  #store;
  #sweeps;
  #moves = [];
  #swept = null;
  #wanted = true;
  #width = 0;
  #view = null;

  constructor(context, element) {
    this.#context = context;
    this.#store = context.store;
    this.#sweeps = new Latest((question) => context.engine.sweep(question));
    this.svg = s("svg", { class: "chart", role: "img", onpointerdown: (event) => this.#scrub(event), onpointermove: (event) => this.#scrub(event) });
    this.title = h("h3");
    this.button = h("button", { type: "button", id: "sweep", onclick: () => this.sweep() }, "Sweep −180° … 180°");
    this.words = h("p", { class: "soft words", "aria-live": "polite" });
    put(element, h("div", { class: "row" }, this.title, this.button), this.svg, this.words);
    onWidth(this.svg, (width) => {
      this.#width = width;
      this.#draw();
    });
  }

  /** Forget the moves and the sweep of another picture. */
  state(state, before) {
    if (sameButRotated(state, before)) return;
    this.#swept = null;
    const other = state.set !== before.set;
    // Pictures are swept from the start; of a face whose parts are moved, the moves say more.
    if (other) this.#wanted = state.set !== "faces";
    if (other || state.source.kind !== "face") this.#moves = [];
  }

  show(view, state) {
    const first = this.#view === null;
    this.#view = view;
    const probabilities = view.answers.map((answer) => answer.probabilities[view.watched]);
    const right = view.answers.map((answer) => answer.winner === view.watched);
    this.#moves.push({ degrees: wrapDegrees(state.transform.degrees), probabilities, right });
    this.#moves.splice(0, this.#moves.length - KEPT);
    this.#draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#wanted && this.#swept === null && this.sweep(), first ? 0 : SETTLED);
  }

  /** Measure every angle at once. */
  async sweep() {
    if (this.#view === null) return;
    this.#wanted = true;
    const asked = this.#store.state;
    const { set: id, source, transform } = asked;
    set(this.button, { "aria-busy": "true" });
    try {
      const swept = await this.#sweeps.ask({ set: id, source, transform, class: this.#view.watched });
      if (swept === undefined || !sameButRotated(asked, this.#store.state)) return;
      this.#swept = swept;
      this.#draw();
      put(this.words, this.#tell(swept));
    } catch (error) {
      this.#context.notice.show(error);
    } finally {
      set(this.button, { "aria-busy": null });
    }
  }

  /** At how many angles each network is correct, and the least probability near upright. */
  #tell({ degrees, curves }) {
    return curves.map(({ model, probabilities, right }) => {
      const total = right.filter(Boolean).length - (right[0] && right.at(-1) ? 1 : 0);
      const least = Math.min(...probabilities.filter((_, k) => Math.abs(degrees[k]) <= 40));
      return h(
        "span",
        { "--accent": this.#context.colour(model) },
        h("i", { class: "swatch" }),
        `${model}: correct at ${total} of 36 angles, at least ${least.toFixed(2)} within ±40°`,
      );
    });
  }

  #draw() {
    if (this.#width === 0 || this.#view === null) return;
    const { classes, models } = this.#context.set();
    const name = classes[this.#view.watched];
    const byMove = this.#byMove;
    put(this.title, "Probability of ", h("b", {}, name), byMove ? ", move by move" : " against the angle");
    this.svg.setAttribute("aria-label", `Probability of ${name} of ${models.map((model) => model.id).join(", ")} against ${byMove ? MOVES.label : ANGLES.label}`);
    const narrow = this.#width < 480;
    const ticks = ANGLES.ticks.filter(([angle]) => !narrow || angle % 90 === 0);
    const { across, up, edge } = axes(this.svg, this.#width, HEIGHT, byMove ? MOVES : { ...ANGLES, ticks }, AXIS);
    this.across = byMove ? null : across;
    this.svg.classList.toggle("by-move", byMove);
    if (!byMove) {
      const here = across(wrapDegrees(this.#store.state.transform.degrees));
      this.svg.append(s("path", { class: "here", d: line([[here, edge.top], [here, edge.bottom]]) }));
    }
    models.forEach((model, at) => this.svg.append(this.#curveOf(model.id, at, across, up)));
  }

  /** The parts of a figure move, and no sweep asks about angles. */
  get #byMove() {
    return this.#store.state.source.kind === "face" && this.#swept === null && !this.#wanted;
  }

  #curveOf(id, at, across, up) {
    const swept = this.#swept?.curves.find((curve) => curve.model === id);
    const points = swept?.probabilities.map((value, k) => [across(this.#swept.degrees[k]), up(value)]) ?? [];
    const dot = ([x, y], right, attributes) =>
      s("circle", { class: right ? "dot" : "dot wrong", cx: x, cy: y, ...attributes });
    const last = this.#moves.length - 1;
    const places = this.#moves.map(({ degrees, probabilities }, k) => [across(this.#byMove ? k - last : degrees), up(probabilities[at])]);
    const joined = this.#byMove ? line(places) : "";
    return s(
      "g",
      { "--accent": this.#context.colour(id), "data-model": id },
      points.length > 0 ? s("path", { class: "curve", d: line(points) }) : null,
      joined ? s("path", { class: "joined", d: joined }) : null,
      points.map((point, k) => dot(point, swept.right[k], { r: 2.6 })),
      this.#moves.map((move, k) =>
        dot(places[k], move.right[at], {
          r: k === last ? 5 : 2.2,
          opacity: k === last ? 1 : 0.15 + 0.5 * (1 - (last - k) / KEPT),
          class: `${move.right[at] ? "dot" : "dot wrong"}${k === last ? " last" : ""}`,
        }),
      ),
    );
  }

  /** Press on the chart to rotate the picture to that angle. */
  #scrub(event) {
    if (!this.across || (event.buttons & 1) === 0) return;
    const box = this.svg.getBoundingClientRect();
    const low = this.across(-180);
    const share = (event.clientX - box.left - low) / (this.across(180) - low);
    if (share < -0.02 || share > 1.02) return;
    this.#store.move({ degrees: Math.round(Math.min(1, Math.max(0, share)) * 360 - 180) });
  }
}

/** Whether two states show the same picture, moved in the same way but for its rotation. */
function sameButRotated(one, other) {
  const rest = ({ transform }) => JSON.stringify({ ...transform, degrees: 0 });
  return one.set === other.set && one.source === other.source && rest(one) === rest(other);
}
