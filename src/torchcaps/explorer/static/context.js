// What every panel may use.

import { coloursOf } from "./colours.js";
import { say } from "./dom.js";
import { HttpEngine } from "./engine.js";
import { Notice } from "./notice.js";
import { freshState, Store } from "./store.js";

/** The state, the engine, what is known of the set that is looked at. */
export class Context {
  sets = [];
  training = null;
  #colours = new Map();

  constructor() {
    this.engine = new HttpEngine();
    this.notice = new Notice(document.getElementById("notice"));
    this.store = new Store(freshState("digits"));
  }

  async read() {
    const { version, sets, training } = await this.engine.state();
    this.sets = sets;
    this.training = training;
    this.#colours = new Map(sets.map((one) => [one.id, coloursOf(one.models)]));
    say(document.getElementById("version"), `torchcaps ${version}`);
  }

  set(id = this.store.state.set) {
    return this.sets.find((one) => one.id === id);
  }

  colour(model) {
    return this.#colours.get(this.store.state.set).get(model) ?? "var(--model-6)";
  }

  /** The network that is looked into, or with a view, {model, answer}. */
  lookInto(view) {
    const inside = this.set().models.filter((model) => model.pose_dim !== null);
    const model = inside.find((one) => one.id === this.store.state.model) ?? inside[0] ?? null;
    if (!view) return model;
    return { model, answer: view.answers.find((one) => one.model === model?.id) ?? null };
  }
}
