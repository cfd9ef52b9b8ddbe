// Sliders for what the hand does on the stage, and what it cannot: shear.

import { h, newId, say } from "../dom.js";
import { UPRIGHT } from "../store.js";

/** A labelled slider with its value beside it; `told` puts the value into words. */
export function slider(text, { least, most, step, told, oninput, label = text }) {
  const id = newId("slider");
  const input = h("input", { type: "range", id, min: least, max: most, step, "aria-label": label });
  const output = h("output", { for: id });
  input.addEventListener("input", () => {
    say(output, told(input.valueAsNumber));
    oninput(input.valueAsNumber);
  });
  const element = h("div", { class: "slider" }, h("label", { for: id }, text), input, output);
  return {
    element,
    input,
    /** Show a value that came from elsewhere. */
    put(value) {
      if (input.valueAsNumber !== value) input.value = value;
      say(output, told(value));
      input.setAttribute("aria-valuetext", told(value));
    },
  };
}

export class TransformSliders {
  constructor({ store }) {
    const move = (name) => (value) => store.move({ [name]: value });
    const pixels = (value) => `${value.toFixed(1)} px`;
    this.sliders = {
      degrees: slider("rotation", {
        least: -180, most: 180, step: 1, told: (value) => `${Math.round(value)}°`, oninput: move("degrees"),
        label: "Rotation in degrees, counter-clockwise",
      }),
      scale: slider("scale", {
        least: 0.4, most: 1.6, step: 0.01, told: (value) => `× ${value.toFixed(2)}`, oninput: move("scale"),
      }),
      shear: slider("shear", {
        least: -1, most: 1, step: 0.01, told: (value) => value.toFixed(2), oninput: move("shear"),
      }),
      dx: slider("shift →", { least: -8, most: 8, step: 0.1, told: pixels, oninput: move("dx"), label: "Shift to the right in pixels" }),
      dy: slider("shift ↓", { least: -8, most: 8, step: 0.1, told: pixels, oninput: move("dy"), label: "Shift down in pixels" }),
    };
    this.reset = h("button", { type: "button", onclick: () => store.set({ transform: UPRIGHT }) }, "Reset");
    this.element = h(
      "div",
      { class: "transform", role: "group", "aria-label": "Transform the picture" },
      Object.values(this.sliders).map((one) => one.element),
      h("div", { class: "row" }, this.reset),
    );
  }

  /** Shifts go as far as a third of the picture. */
  set({ in_shape: [, height, width] }) {
    const reach = { dx: Math.ceil(width / 3), dy: Math.ceil(height / 3) };
    for (const [name, most] of Object.entries(reach)) {
      this.sliders[name].input.min = -most;
      this.sliders[name].input.max = most;
    }
  }

  state({ transform }) {
    for (const [name, one] of Object.entries(this.sliders)) one.put(transform[name]);
    this.reset.disabled = Object.keys(UPRIGHT).every((name) => transform[name] === UPRIGHT[name]);
  }
}
