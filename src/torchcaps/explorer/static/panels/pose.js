// The vector of the predicted class: signed bars, and how far it has rotated.

import { onWidth, scale } from "../chart.js";
import { h, put, s, say } from "../dom.js";
import { KINDS } from "./answers.js";
import { drawAngle, drawRose } from "./dial.js";

const HEIGHT = 150;
const STEPS = [0.25, 0.5, 0.75, 1, 2, 4];

export class PosePanel {
  #context;
  #width = 0;
  #last = null;

  constructor(context, element) {
    this.#context = context;
    this.bars = s("svg", { class: "chart bars", role: "img" });
    this.dial = s("svg", { class: "dials", role: "img" });
    this.words = h("p", { class: "words" });
    this.none = h("p", { class: "soft" }, "None of these networks has capsules.");
    this.body = h("div", {}, this.bars, h("div", { class: "turn" }, this.dial, this.words));
    put(element, this.body, this.none);
    onWidth(this.bars, (width) => {
      this.#width = width;
      this.#draw();
    });
  }

  show(view, state, look) {
    this.body.hidden = look.answer?.pose == null;
    this.none.hidden = !this.body.hidden;
    this.#last = this.body.hidden ? null : { view, state, look };
    this.#draw();
  }

  #draw() {
    if (this.#last === null || this.#width === 0) return;
    const { state, look } = this.#last;
    const { model, answer } = look;
    const accent = this.#context.colour(model.id);
    const name = this.#context.set().classes[answer.winner];
    this.body.style.setProperty("--accent", accent);
    this.#drawBars(answer);
    this.bars.setAttribute("aria-label", `The ${answer.pose.length} numbers of the pose of ${name}`);
    if (model.orientations) this.#drawRose(model, answer, state);
    else this.#drawAngle(answer);
    say(this.lead(), `${name}: ${KINDS[model.kind]} ${answer.scores[answer.winner].toFixed(2)}`);
  }

  lead() {
    this.leading ??= h("b");
    if (this.leading.parentNode !== this.words) this.words.prepend(this.leading);
    return this.leading;
  }

  #drawBars({ pose, upright_pose: upright }) {
    const most = Math.max(...pose.map(Math.abs), ...(upright ?? []).map(Math.abs));
    const top = STEPS.find((step) => step >= most) ?? most;
    const across = scale([0, pose.length], [30, this.#width]);
    const up = scale([-top, top], [HEIGHT - 22, 6]);
    const room = across(1) - across(0);
    const bar = (value, k, share) => ({
      x: across(k) + (room * (1 - share)) / 2,
      width: room * share,
      y: up(Math.max(value, 0)),
      height: Math.max(0.5, Math.abs(up(value) - up(0))),
    });
    this.bars.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.bars.setAttribute("height", HEIGHT);
    put(
      this.bars,
      [[top, `${top}`], [0, "0"], [-top, `−${top}`]].map(([value, text]) => [
        s("path", { class: value === 0 ? "axis" : "grid", d: `M30 ${up(value)}H${this.#width}` }),
        s("text", { class: "tick", x: 24, y: up(value) + 4, "text-anchor": "end" }, text),
      ]),
      upright?.map((value, k) => s("rect", { class: "upright", ...bar(value, k, 0.86) })) ?? [],
      pose.map((value, k) => s("rect", { class: "measured", ...bar(value, k, 0.5) })),
      pose.length > 24
        ? []
        : pose.map((_, k) => s("text", { class: "tick", x: across(k + 0.5), y: HEIGHT - 5, "text-anchor": "middle" }, k + 1)),
    );
  }

  #drawAngle({ turn_of_pose: turn }) {
    drawAngle(this.dial, turn ?? 0);
    this.dial.setAttribute("aria-label", "The angle between this pose and that of the original picture");
    const degrees = Math.round(turn ?? 0);
    put(
      this.words,
      this.lead(),
      h("br"),
      degrees === 0 ? "the same pose as for the original picture" : `angle between this vector and that of the original picture: ${degrees}°`,
    );
  }

  #drawRose(model, { pose, upright_pose: upright, angle }, state) {
    const lengths = (vector) =>
      Array.from({ length: model.orientations }, (_, a) => {
        const each = vector.length / model.orientations;
        return Math.hypot(...vector.slice(a * each, (a + 1) * each));
      });
    const truth = state.transform.degrees;
    drawRose(this.dial, lengths(pose), upright && lengths(upright), { window: model.window, angle, truth });
    this.dial.setAttribute("aria-label", "The pose at its orientations, the measured angle and the true one");
    const beyond = Math.abs(truth) > model.window;
    put(
      this.words,
      this.lead(),
      h("br"),
      `measured rotation ${Math.round(angle ?? 0)}°, true rotation ${Math.round(truth)}° (dot). `,
      h("span", { class: "soft" }, beyond ? `The network searches within ±${model.window}° (thick arc); this rotation is outside.` : `Its ${pose.length} numbers belong to ${model.orientations} orientations and rotate with the picture.`),
    );
  }
}
