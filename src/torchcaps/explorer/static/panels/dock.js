// On a narrow screen the picture scrolls away; a strip at the foot keeps it and its rotation at hand.

import { h } from "../dom.js";
import { paint } from "../pixels.js";
import { slider } from "./transform.js";

export class Dock {
  /** watched: the element in whose absence the strip is shown. */
  constructor({ store }, watched) {
    this.canvas = h("canvas", { class: "pixels", "aria-hidden": "true" });
    this.slider = slider("rotation", {
      least: -180, most: 180, step: 1, label: "Rotation in degrees",
      told: (value) => `${Math.round(value)}°`, oninput: (degrees) => store.move({ degrees }),
    });
    this.element = h("div", { class: "dock", hidden: true }, this.canvas, this.slider.element);
    document.body.append(this.element);
    new IntersectionObserver(([entry]) => {
      this.element.hidden = entry.isIntersecting || entry.boundingClientRect.height === 0;
    }).observe(watched);
  }

  state({ transform }) {
    this.slider.put(transform.degrees);
  }

  show(view) {
    paint(this.canvas, view.image, view.tone);
  }
}
