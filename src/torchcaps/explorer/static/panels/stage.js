// The picture that the networks see, in a ring of degrees; it is shifted, rotated and scaled by hand.

import { arc, line, polar } from "../chart.js";
import { h, put, s, set } from "../dom.js";
import { angleOf } from "../geometry.js";
import { paint } from "../pixels.js";
import { clamp, UPRIGHT, wrapDegrees } from "../store.js";

// In units of the stage, 356 wide, the middle at 0.
export const HALF = 112;
const RING = 165;
const SCALES = [0.2, 3];
const SHIFT_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Stage {
  #store;
  #context;
  #pointers = new Map();

  constructor(context) {
    this.#context = context;
    this.#store = context.store;
    this.canvas = h("canvas", { class: "pixels", role: "img" });
    this.dial = s("g", { class: "dial" });
    this.needles = s("g", { class: "needles" });
    this.overlay = s("g");
    this.element = h(
      "div",
      {
        class: "stage",
        tabindex: "0",
        role: "group",
        "aria-label": "The picture. Arrow keys shift it, comma and full stop rotate it, plus and minus scale it, Home resets it.",
      },
      this.canvas,
      s("svg", { viewBox: "-178 -178 356 356" }, ring(), this.dial, this.needles, this.overlay),
    );
    this.reading = h("p", { class: "reading" });
    set(this.element, {
      onpointerdown: (event) => this.#down(event),
      onpointermove: (event) => this.#move(event),
      onpointerup: (event) => this.#up(event),
      onpointercancel: (event) => this.#up(event),
      ondblclick: () => this.#store.set({ transform: UPRIGHT }),
      onkeydown: (event) => this.#key(event),
    });
    this.element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** What can be drawn before any answer: the angle. */
  state({ transform }) {
    const degrees = transform.degrees;
    const [x, y] = polar(degrees, RING);
    put(
      this.dial,
      degrees >= 0
        ? s("path", { class: "turned", d: arc(RING, 0, Math.max(degrees, 0.01)) })
        : s("path", { class: "turned", d: arc(RING, degrees, 0) }),
      s("circle", { class: "handle", cx: x, cy: y, r: 8 }),
    );
  }

  /** The picture, and the angle that networks measure. */
  show(view, state) {
    paint(this.canvas, view.image, view.tone);
    this.canvas.setAttribute("aria-label", `${view.words}, as the networks see it`);
    const told = view.answers.filter((answer) => answer.angle !== null);
    put(this.needles, told.map((answer) => this.#needle(answer)));
    put(
      this.reading,
      h("span", {}, "rotated by ", h("b", {}, `${Math.round(state.transform.degrees)}°`)),
      told.map((answer) =>
        h(
          "span",
          { class: "told", "--accent": this.#context.colour(answer.model) },
          `${answer.model} measures `,
          h("b", { "data-angle": answer.angle.toFixed(2) }, `${Math.round(answer.angle)}°`),
        ),
      ),
    );
  }

  #needle({ model, angle }) {
    const [x, y] = polar(angle, RING - 10);
    const [left, right] = [polar(angle + 4, RING - 24), polar(angle - 4, RING - 24)];
    return s(
      "g",
      { class: "needle", "--accent": this.#context.colour(model), "data-angle": angle.toFixed(2) },
      s("path", { class: "shaft", d: line([[0, 0], polar(angle, RING - 22)]) }),
      s("path", { class: "tip", d: `${line([[x, y], left, right])}Z` }),
      s("circle", { r: 4 }),
    );
  }

  /** From a pointer event to stage units about the middle. */
  place(event) {
    const box = this.element.getBoundingClientRect();
    const unit = 356 / box.width;
    return [(event.clientX - box.left - box.width / 2) * unit, (event.clientY - box.top - box.height / 2) * unit];
  }

  /** How many stage units a pixel of the picture takes. */
  get pixel() {
    return (2 * HALF) / this.#context.set().in_shape[2];
  }

  #down(event) {
    if (event.button > 0) return;
    this.element.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.place(event));
    this.#begin(event.shiftKey);
  }

  /** Remember where everything is; a second finger begins anew. */
  #begin(shiftKey) {
    const places = [...this.#pointers.values()];
    const [x, y] = places[0];
    const outside = Math.max(Math.abs(x), Math.abs(y)) > HALF + 4;
    this.start = { places, transform: this.#store.state.transform, turns: shiftKey || outside };
    this.element.classList.toggle("turning", this.start.turns);
  }

  #move(event) {
    if (!this.#pointers.has(event.pointerId)) return;
    this.#pointers.set(event.pointerId, this.place(event));
    const now = [...this.#pointers.values()];
    const { places, transform, turns } = this.start;
    if (now.length === 2) this.#pinch(places, now, transform);
    else if (turns) this.#turn(transform.degrees + angleOf(now[0]) - angleOf(places[0]));
    else this.#shift(transform, now[0][0] - places[0][0], now[0][1] - places[0][1]);
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
    this.element.classList.remove("turning");
    if (this.#pointers.size > 0) this.#begin(false);
  }

  #pinch(before, now, transform) {
    const apart = ([one, other]) => [other[0] - one[0], other[1] - one[1]];
    const grown = Math.hypot(...apart(now)) / Math.max(1, Math.hypot(...apart(before)));
    const turned = angleOf(apart(now)) - angleOf(apart(before));
    this.#store.move({
      scale: round(clamp(transform.scale * grown, ...SCALES)),
      degrees: round(wrapDegrees(transform.degrees + turned)),
    });
  }

  #turn(degrees) {
    this.#store.move({ degrees: round(wrapDegrees(degrees)) });
  }

  #shift(transform, x, y) {
    const width = this.#context.set().in_shape[2];
    this.#store.move({
      dx: round(clamp(transform.dx + x / this.pixel, -width / 2, width / 2)),
      dy: round(clamp(transform.dy + y / this.pixel, -width / 2, width / 2)),
    });
  }

  #wheel(event) {
    event.preventDefault();
    this.#zoom(Math.exp(-event.deltaY / 600));
  }

  #zoom(factor) {
    this.#store.move({ scale: round(clamp(this.#store.state.transform.scale * factor, ...SCALES)) });
  }

  #key(event) {
    if (event.target !== this.element || event.ctrlKey || event.metaKey) return;
    const { transform } = this.#store.state;
    const fast = event.shiftKey ? 5 : 1;
    if (event.key in SHIFT_KEYS) {
      const [x, y] = SHIFT_KEYS[event.key];
      this.#shift(transform, x * fast * this.pixel * 0.5, y * fast * this.pixel * 0.5);
    } else if (",<".includes(event.key)) this.#turn(transform.degrees + 5 * fast);
    else if (".>".includes(event.key)) this.#turn(transform.degrees - 5 * fast);
    else if ("+=".includes(event.key)) this.#zoom(1.05);
    else if ("-_".includes(event.key)) this.#zoom(1 / 1.05);
    else if (event.key === "Home") this.#store.set({ transform: UPRIGHT });
    else return;
    event.preventDefault();
  }
}

function ring() {
  const ticks = Array.from({ length: 24 }, (_, k) => 15 * k - 165);
  return s(
    "g",
    { class: "ring" },
    s("circle", { class: "grip", r: RING }),
    s("circle", { r: RING }),
    ticks.map((angle) =>
      s("path", { d: line([polar(angle, RING - (angle % 90 ? 3 : 6)), polar(angle, RING + (angle % 90 ? 3 : 6))]) }),
    ),
  );
}

function round(value) {
  return Math.round(value * 1000) / 1000;
}
