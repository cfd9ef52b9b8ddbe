// What every network predicts for the picture: a bar for each class, side by side.

import { h, put, say, set } from "../dom.js";

// A screen reader is told once the picture has come to rest.
const REST = 800;
// What a network's scores are; the bars are their softmax.
export const KINDS = { lengths: "capsule length", activations: "capsule activation", logits: "logit" };

export class AnswersPanel {
  #context;
  #cards = new Map();

  constructor(context, element) {
    this.#context = context;
    this.element = element;
    this.element.classList.add("answers");
  }

  set({ models, classes }) {
    this.#cards = new Map(models.map((model) => [model.id, this.#makeCard(model, classes)]));
    put(this.element, [...this.#cards.values()].map((card) => card.element));
  }

  show(view) {
    const { classes } = this.#context.set();
    for (const answer of view.answers) {
      const card = this.#cards.get(answer.model);
      const right = view.label === null ? null : answer.winner === view.label;
      const verdict = right === null ? "" : right ? "✓ correct" : `✗ label: ${classes[view.label]}`;
      say(card.name, classes[answer.winner]);
      say(card.raw, `${card.kind} ${answer.scores[answer.winner].toFixed(2)}`);
      say(card.verdict, verdict);
      card.verdict.dataset.right = String(right);
      answer.probabilities.forEach((probability, label) => {
        const { row, bar, value } = card.rows[label];
        bar.style.setProperty("--share", probability);
        say(value, probability.toFixed(2).replace(/^0/, ""));
        row.classList.toggle("winner", label === answer.winner);
        row.classList.toggle("label", label === view.label);
        set(row, {
          "aria-label": `${classes[label]}: ${probability.toFixed(3)}`,
          title: `probability ${probability.toFixed(3)}, ${card.kind} ${answer.scores[label].toFixed(3)}`,
        });
      });
    }
    clearTimeout(this.timer);
    const told = view.answers.map((answer) => `${answer.model} predicts ${classes[answer.winner]}`);
    this.timer = setTimeout(() => say(document.getElementById("status"), `${view.words}: ${told.join(", ")}`), REST);
  }

  #makeCard(model, classes) {
    const rows = classes.map((name) => {
      const bar = h("i", { class: "bar" });
      const value = h("span", { class: "value" });
      const row = h("li", {}, h("span", { class: "class" }, name), h("span", { class: "track" }, bar), value);
      return { row, bar, value };
    });
    const name = h("strong");
    const verdict = h("span", { class: "verdict" });
    const raw = h("span", { class: "raw" });
    const kind = KINDS[model.kind];
    const gain = model.gain === 1 ? "" : ` · gain ${model.gain.toPrecision(2)}`;
    const element = h(
      "article",
      { class: "card", "--accent": this.#context.colour(model.id), "data-model": model.id },
      h("h3", {}, h("i", { class: "swatch" }), breakable(model.id)),
      h("p", { class: "kind", title: `${model.parameters.toLocaleString("en")} parameters, from ${model.folder}` }, raw, gain),
      h("p", { class: "says" }, h("span", { class: "soft" }, "predicts "), name, " ", verdict),
      h("ul", { "aria-label": `Probabilities of ${model.id}` }, rows.map(({ row }) => row)),
    );
    return { element, rows, name, verdict, raw, kind };
  }
}

/** A name that may be broken after an underscore. */
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((piece) => [piece, h("wbr")]);
}
