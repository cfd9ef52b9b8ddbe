// The offer to train where a set has no networks yet, and how far the training is.

import { h, put } from "../dom.js";
import { paint, toneOf, unpack } from "../pixels.js";

const EVERY = 500;
const TITLE = "No network for faces has been trained yet";
const TEXT =
  "Drawings of faces, houses and cars consist of the same parts in different places. Train a capsule network and a CNN on them here, then drag the parts and compare what the networks predict. Training takes a few minutes.";
const FIGURES = ["face", "house", "car", "eyes below mouth"];

export class TrainingOffer {
  #context;
  #shown = null;

  /** onTrained() is called when the set that was trained has its networks. */
  constructor(context, element, onTrained) {
    this.#context = context;
    this.element = element;
    this.onTrained = onTrained;
    this.bar = h("progress", { max: 1, "aria-label": "Training" });
    this.words = h("p", { class: "soft", role: "status" });
    this.button = h("button", { type: "button", class: "main", id: "train", onclick: () => this.#train() }, "Train both");
  }

  /** Offer to train this set, or show how far that is. */
  open(set, training) {
    this.#shown = set;
    const row = h("div", { class: "pictures" });
    put(this.element, h("h2", { id: "offer-title" }, TITLE), h("p", {}, TEXT), row, this.button, this.bar, this.words);
    this.#preview(set, row);
    this.element.hidden = false;
    this.#show(training);
    if (training.state === "running") this.#follow();
  }

  close() {
    this.#shown = null;
    this.element.hidden = true;
  }

  /** What the networks will look at. */
  async #preview(set, row) {
    const { engine } = this.#context;
    try {
      for (const name of FIGURES) {
        const source = { kind: "face", figure: await engine.figure(name, 0) };
        const image = unpack((await engine.view({ set, source, transform: {} })).original);
        const canvas = h("canvas", { class: "pixels", role: "img", "aria-label": name });
        paint(canvas, image, toneOf(image));
        row.append(h("figure", {}, canvas, h("figcaption", {}, name)));
      }
    } catch (error) {
      this.#context.notice.show(error);
    }
  }

  async #train() {
    this.button.disabled = true;
    try {
      this.#show(await this.#context.engine.train(this.#shown));
      this.#follow();
    } catch (error) {
      this.button.disabled = false;
      this.#context.notice.show(error);
    }
  }

  async #follow() {
    if (this.following) return;
    this.following = true;
    try {
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, EVERY));
        const training = await this.#context.engine.training();
        if (this.#shown) this.#show(training);
        if (training.state !== "running") {
          if (training.state === "done") await this.onTrained(training.set);
          return;
        }
      }
    } catch (error) {
      this.#context.notice.show(error);
      this.button.disabled = false;
    } finally {
      this.following = false;
    }
  }

  #show(training) {
    const { state, model, epoch, epochs, models, models_done: done, accuracy, message } = training;
    const running = state === "running";
    this.button.hidden = this.button.disabled = running;
    this.bar.hidden = !running;
    this.bar.value = models > 0 ? (done + (epochs > 0 ? epoch / epochs : 0)) / models : 0;
    const right = accuracy === null ? "" : `, ${Math.round(100 * accuracy)} % validation accuracy`;
    const words = model ? `${training.set}: ${model}, network ${Math.min(done + 1, models)} of ${models}, epoch ${epoch} of ${epochs}${right}` : "Starting …";
    this.words.textContent = running ? words : state === "failed" ? message : "";
  }
}
