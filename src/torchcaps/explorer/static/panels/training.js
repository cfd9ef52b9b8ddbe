// The offer to train where a set has no networks yet, and how far the training is.

import { h, put } from "../dom.js";
import { paint, toneOf, unpack } from "../pixels.js";

const EVERY = 500;
const WORDS = {
  digits: {
    title: "No network has been trained yet",
    text: "Three small ones can be trained here, on the 1,797 handwritten digits that come with torchcaps: a capsule network, one that turns with its picture by construction, and a CNN to compare them with. It takes about a minute or two.",
    button: "Train them now",
    pictures: [0, 1, 2, 3].map((index) => ["", { kind: "test", index }]),
  },
  faces: {
    title: "Faces need networks of their own",
    text: "Drawings of faces, houses and cars consist of the same parts in different places. A capsule network and a CNN can be trained on them here; then you may drag the parts about and see who minds. It takes a few minutes.",
    button: "Train them now",
    pictures: ["face", "house", "car", "eyes below mouth"].map((name) => [name, null]),
  },
};

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
    this.button = h("button", { type: "button", class: "main", id: "train", onclick: () => this.#train() });
  }

  /** Offer to train this set, or show how far that is. */
  open(set, training) {
    this.#shown = set;
    const { title, text, button, pictures } = WORDS[set];
    this.button.textContent = button;
    const row = h("div", { class: "pictures" });
    put(this.element, h("h2", { id: "offer-title" }, title), h("p", {}, text), row, this.button, this.bar, this.words);
    this.#preview(set, pictures, row);
    this.element.hidden = false;
    this.#show(training);
    if (training.state === "running") this.#follow();
  }

  close() {
    this.#shown = null;
    this.element.hidden = true;
  }

  /** What the networks will look at. */
  async #preview(set, pictures, row) {
    try {
      for (const [name, source] of pictures) {
        const { engine } = this.#context;
        const drawn = source ?? { kind: "face", figure: await engine.figure(name, 0) };
        const image = unpack((await engine.view({ set, source: drawn, transform: {} })).original);
        const canvas = h("canvas", { class: "pixels", role: "img", "aria-label": name || "a handwritten digit" });
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
    const right = accuracy === null ? "" : `, ${Math.round(100 * accuracy)} % right on pictures it does not learn from`;
    const words = model ? `${training.set}: ${model}, network ${Math.min(done + 1, models)} of ${models}, epoch ${epoch} of ${epochs}${right}` : "Starting …";
    this.words.textContent = running ? words : state === "failed" ? message : "";
  }
}
