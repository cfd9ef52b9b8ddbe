// A pad to draw on, with a mouse, a pen or a finger.

import { h, put, s } from "../dom.js";
import { Latest } from "../engine.js";

const SIDE = 280;
const PEN = 22;

export class DrawingPad {
  #strokes = [];
  #latest;

  /** onPicture(blob) is called with a PNG, bright ink on black, whenever the drawing changed. */
  constructor(onPicture) {
    this.#latest = new Latest(async () => onPicture(await this.#png()));
    this.lines = s("g");
    this.hint = h("span", { class: "hint" }, "draw here");
    this.surface = h(
      "div",
      {
        class: "pad",
        tabindex: "0",
        role: "img",
        "aria-label": "Drawing pad: draw with a mouse, a pen or a finger",
        onpointerdown: (event) => this.#down(event),
        onpointermove: (event) => this.#move(event),
        onpointerup: () => this.#up(),
        onpointercancel: () => this.#up(),
      },
      s("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, "stroke-width": PEN }, this.lines),
      this.hint,
    );
    this.undo = h("button", { type: "button", disabled: true, onclick: () => this.#take(1) }, "Undo");
    this.clear = h("button", { type: "button", disabled: true, onclick: () => this.#take(Infinity) }, "Clear");
    this.element = h("div", { class: "drawing" }, this.surface, h("div", { class: "row" }, this.undo, this.clear));
  }

  focus() {
    this.surface.focus({ preventScroll: true });
  }

  #down(event) {
    if (event.button > 0) return;
    this.surface.setPointerCapture(event.pointerId);
    this.#strokes.push([]);
    this.drawing = true;
    this.#add(event);
  }

  #move(event) {
    if (!this.drawing) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const each of all.length > 0 ? all : [event]) this.#add(each);
  }

  #add(event) {
    const box = this.surface.getBoundingClientRect();
    const unit = SIDE / box.width;
    this.#strokes.at(-1).push([(event.clientX - box.left) * unit, (event.clientY - box.top) * unit]);
    this.#changed();
  }

  #up() {
    this.drawing = false;
  }

  #take(count) {
    this.#strokes.splice(-Math.min(count, this.#strokes.length));
    this.#changed();
  }

  #changed() {
    put(this.lines, this.#strokes.map((stroke) => s("path", { d: pathOf(stroke) })));
    const empty = this.#strokes.length === 0;
    this.hint.hidden = !empty;
    this.undo.disabled = this.clear.disabled = empty;
    if (!empty) this.#latest.ask();
  }

  #png() {
    const canvas = h("canvas", { width: SIDE, height: SIDE });
    const pen = canvas.getContext("2d");
    pen.fillRect(0, 0, SIDE, SIDE);
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
    for (const stroke of this.#strokes) pen.stroke(new Path2D(pathOf(stroke)));
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }
}

/** Through the points; where there is but one, a stroke too short to be seen as one: a dot. */
function pathOf(points) {
  const [[x, y]] = points;
  const rest = points.slice(1).concat(points.length > 1 ? [] : [[x + 0.1, y]]);
  return `M${x.toFixed(1)} ${y.toFixed(1)}${rest.map(([right, down]) => `L${right.toFixed(1)} ${down.toFixed(1)}`).join("")}`;
}
