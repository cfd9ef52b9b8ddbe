// One line at the foot of the page for what went wrong, or what one should know.

import { h, put } from "./dom.js";
import { EngineError } from "./engine.js";

export class Notice {
  constructor(element) {
    this.element = element;
  }

  /** An error, in its own words; one that nobody foresaw goes to the console as well. */
  show(error) {
    if (!(error instanceof EngineError)) console.error(error);
    this.#line(error.message, "var(--bad)", "error");
  }

  /** Something that is no error. */
  tell(text) {
    this.#line(text, "var(--model-1)", "note");
  }

  clear() {
    put(this.element);
  }

  #line(text, accent, kind) {
    const close = h("button", { type: "button", "aria-label": "Dismiss", onclick: () => this.clear() }, "✕");
    put(this.element, h("div", { class: "notice", "data-kind": kind, "--accent": accent }, h("p", {}, text), close));
  }
}
