// The two-sided graph of routing: thumbnails of parts, bars of wholes, curves between them.

import { put, s, set } from "../dom.js";
import { paint } from "../pixels.js";

// What the numbers of wholes are, by the kind of the network's scores.
export const MEASURES = { lengths: "length", activations: "activation", logits: "probability" };
const ROW = 35;
const THUMB = 29;
const THICKEST = 14;
const THINNEST = 0.35;

export class RoutingGraph {
  #width = 0;
  #last = null;
  #shape = "";
  #lines = [];

  /** onPick({part}, {whole} or null): what the person points at. */
  constructor(onPick) {
    this.onPick = onPick;
    this.svg = s("svg", { role: "group", "aria-label": "Parts at the left vote for wholes at the right" });
    this.sheet = document.createElement("canvas");
  }

  resize(width) {
    this.#width = width;
    this.#shape = "";
    if (this.#last) this.show(...this.#last);
  }

  /** at: which iteration, from 0. picked: {part}, {whole} or null. */
  show(answer, at, view, picked) {
    this.#last = [answer, at, view, picked];
    if (this.#width === 0) return;
    const shape = `${answer.parts.length} ${answer.classes.join()} ${this.#width}`;
    if (shape !== this.#shape) {
      this.#shape = shape;
      this.#build(answer);
    }
    this.#drawParts(answer, view, at, picked);
    this.#drawLines(answer, at, picked);
    this.#drawWholes(answer, at, picked);
  }

  /** The elements, once; later only their attributes move, so that they can move smoothly. */
  #build({ parts, classes }) {
    const height = Math.max(parts.length, classes.length) * ROW;
    const right = this.#width - Math.min(190, this.#width * 0.42);
    const spread = (count, k) => ((k + 0.5) * height) / count;
    set(this.svg, { viewBox: `0 0 ${this.#width} ${height}`, width: this.#width, height });
    this.#lines = parts.map((_, i) =>
      classes.map((_, j) => {
        const [y, end] = [spread(parts.length, i), spread(classes.length, j)];
        const [x, middle] = [THUMB + 6, (THUMB + 6 + right) / 2];
        return s("path", { d: `M${x} ${y}C${middle} ${y} ${middle} ${end} ${right - 6} ${end}` });
      }),
    );
    this.parts = parts.map((_, i) => this.#part(i, spread(parts.length, i)));
    this.wholes = classes.map((name, j) => this.#whole(name, j, right, spread(classes.length, j)));
    put(this.svg, s("g", { class: "lines" }, this.#lines), this.parts.map((one) => one.element), this.wholes.map((one) => one.element));
  }

  #pointing(what) {
    const on = () => this.onPick(what);
    const off = () => this.onPick(null);
    return { tabindex: "0", role: "button", onpointerenter: on, onpointerleave: off, onfocus: on, onblur: off };
  }

  #part(i, y) {
    const image = s("image", { preserveAspectRatio: "none" });
    const window = s("svg", { x: 1, y: y - THUMB / 2, width: THUMB, height: THUMB, preserveAspectRatio: "none" }, image);
    const frame = s("rect", { class: "frame", x: 1, y: y - THUMB / 2, width: THUMB, height: THUMB });
    const element = s("g", { class: "part", ...this.#pointing({ part: i }) }, s("rect", { class: "paper", x: 1, y: y - THUMB / 2, width: THUMB, height: THUMB }), window, frame);
    return { element, image, window };
  }

  #whole(name, j, x, y) {
    const room = this.#width - x;
    const track = Math.max(30, room - 92);
    const bar = s("rect", { class: "bar", x: x + 50, y: y - 5, height: 10, width: 0 });
    const value = s("text", { class: "value", x: this.#width, y: y + 4, "text-anchor": "end" });
    const element = s(
      "g",
      { class: "whole", ...this.#pointing({ whole: j }) },
      s("rect", { class: "hit", x: x - 4, y: y - ROW / 2 + 2, width: room + 4, height: ROW - 4 }),
      s("text", { class: "name", x: x + 42, y: y + 4, "text-anchor": "end" }, shorten(name)),
      s("rect", { class: "track", x: x + 50, y: y - 5, height: 10, width: track }),
      bar,
      value,
    );
    return { element, bar, value, track };
  }

  #drawParts({ parts, classes }, view, at, picked) {
    paint(this.sheet, view.image, view.tone);
    const address = this.sheet.toDataURL();
    const [, height, width] = view.image.shape;
    parts.forEach(({ top, left, side, length, type, couplings }, i) => {
      const { element, image, window } = this.parts[i];
      set(image, { href: address, width, height });
      set(window, { viewBox: `${left} ${top} ${side} ${side}` });
      const best = couplings[at].indexOf(Math.max(...couplings[at]));
      set(element, {
        class: picked?.part === i ? "part on" : "part",
        "aria-label": `Part ${i + 1}, kind ${type}, length ${length.toFixed(2)}: most of its vote, ${couplings[at][best].toFixed(2)}, goes to ${classes[best]}`,
      });
    });
  }

  #drawLines({ parts, winner }, at, picked) {
    parts.forEach(({ couplings }, i) => {
      couplings[at].forEach((coupling, j) => {
        const line = this.#lines[i][j];
        const out = picked !== null && picked.part !== i && picked.whole !== j;
        line.style.strokeWidth = `${(THINNEST + THICKEST * coupling).toFixed(3)}px`;
        const main = picked?.whole === undefined ? j === winner : j === picked.whole;
        line.style.strokeOpacity = (out ? 0.06 : (main ? 0.34 : 0.13) + 0.6 * coupling).toFixed(3);
        set(line, { class: main ? "main" : null });
      });
    });
  }

  #drawWholes({ parts, lengths, kind, classes, winner }, at, picked) {
    lengths[at].forEach((length, j) => {
      const { element, bar, value, track } = this.wholes[j];
      const coupling = picked?.part === undefined ? null : parts[picked.part].couplings[at][j];
      bar.style.width = `${Math.max(0, Math.min(1, coupling ?? length)) * track}px`;
      value.textContent = (coupling ?? length).toFixed(2).replace(/^0/, "");
      const marks = [j === winner ? "winner" : "", picked?.whole === j ? "on" : "", coupling === null ? "" : "coupling"];
      set(element, { class: ["whole", ...marks].join(" ").trim(), "aria-label": `${classes[j]}: ${MEASURES[kind]} ${length.toFixed(2)}` });
    });
  }
}

function shorten(name) {
  return name.length > 7 ? `${name.slice(0, 6)}…` : name;
}
