// What every network says of the picture: a bar a class, side by side.

import { h, put, say, set } from "../dom.js";

// A screen reader is told once the picture has come to rest.
const REST = 800;
const KINDS = { lengths: "lengths of capsules", probabilities: "softmax, adds up to 1" };

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
      const verdict = right === null ? "" : right ? "✓ right" : `✗ it is ${article(classes[view.label])}`;
      say(card.name, classes[answer.winner]);
      say(card.verdict, verdict);
      card.verdict.dataset.right = String(right);
      answer.scores.forEach((score, label) => {
        const { row, bar, value } = card.rows[label];
        bar.style.setProperty("--score", score);
        say(value, score.toFixed(2).replace(/^0/, ""));
        row.classList.toggle("winner", label === answer.winner);
        row.classList.toggle("label", label === view.label);
        set(row, { "aria-label": `${classes[label]}: ${score.toFixed(3)}` });
      });
    }
    clearTimeout(this.timer);
    const told = view.answers.map((answer) => `${answer.model} says ${classes[answer.winner]}`);
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
    const element = h(
      "article",
      { class: "card", "--accent": this.#context.colour(model.id), "data-model": model.id },
      h("h3", {}, h("i", { class: "swatch" }), breakable(model.id)),
      h("p", { class: "kind", title: `${model.parameters.toLocaleString("en")} parameters, from ${model.folder}` }, KINDS[model.kind]),
      h("p", { class: "says" }, h("span", { class: "soft" }, "says "), name, " ", verdict),
      h("ul", { "aria-label": `Scores of ${model.id}` }, rows.map(({ row }) => row)),
    );
    return { element, rows, name, verdict };
  }
}

/** A digit is "a 7", a word "a face". */
function article(name) {
  return /^(8|11|18|[aeiou])/i.test(name) ? `an ${name}` : `a ${name}`;
}

/** A name that may be broken after an underscore. */
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((piece) => [piece, h("wbr")]);
}
