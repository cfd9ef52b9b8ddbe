// From a state to a drawn page: ask what the state needs, draw what comes back, newest first.

import { Latest } from "./engine.js";
import { toneOf, unpack } from "./pixels.js";
import { isMoved, movedPose } from "./panels/reconstruction.js";

export class Loop {
  #context;
  #store;
  #page;
  #asked = { view: new Memory(), decode: new Memory(), routing: new Memory() };
  #drawn = 0;
  #settled = 0;
  #watching = { source: null, label: null };
  last = null;

  /**
   * page: what draws: show(view, state, decoded), wantsRouting(), showRouting(answer, view).
   */
  constructor(context, page) {
    this.#context = context;
    this.#store = context.store;
    this.#page = page;
    const { engine } = context;
    this.#asked.view.latest = new Latest((question) => engine.view(question));
    this.#asked.decode.latest = new Latest((question) => engine.decode(question));
    this.#asked.routing.latest = new Latest((question) => engine.routing(question));
  }

  /** Ask and draw for the state as it is now. */
  async look() {
    const state = this.#store.state;
    const number = this.#store.number;
    try {
      const answer = await this.#asked.view.ask({ set: state.set, source: state.source, transform: state.transform });
      if (answer === undefined || this.#isOld(state, number)) return;
      const view = this.#read(answer, state);
      const decoded = await this.#decode(view, state);
      if (decoded === undefined || this.#isOld(state, number)) return;
      this.last = { view, state, decoded };
      this.#page.show(view, state, decoded);
      this.#drawn = number;
      document.documentElement.dataset.drawn = number;
      await this.#route(view, state, number);
    } catch (error) {
      this.#context.notice.show(error);
    }
  }

  /** Draw once more what is known: other colours, another width. */
  redraw() {
    if (this.last) this.#page.show(this.last.view, this.last.state, this.last.decoded);
  }

  /** A newer state is drawn already, or another set is looked at. */
  #isOld(state, number) {
    return number < this.#drawn || state.set !== this.#store.state.set;
  }

  /** The pictures unpacked, and which class is watched. */
  #read(answer, state) {
    const original = unpack(answer.original);
    const answers = answer.answers.map((one) => ({ ...one, reconstruction: one.reconstruction && unpack(one.reconstruction) }));
    const label = state.edited ? null : answer.label;
    const view = { ...answer, answers, label, original, image: unpack(answer.image), tone: toneOf(original) };
    view.watched = this.#watchedOf(view, state);
    view.words = wordsFor(view, state, this.#context.set().classes);
    return view;
  }

  /** The class whose probability is followed: a face, the label, or the first network's first prediction. */
  #watchedOf({ label, answers }, { set, source }) {
    if (source.kind === "face") return Math.max(0, this.#context.set().classes.indexOf("face"));
    if (label !== null) return label;
    const kept = this.#watching;
    if (kept.source !== source || kept.set !== set) {
      this.#watching = { source, set, label: answers[0]?.winner ?? 0 };
    }
    return this.#watching.label;
  }

  /** The picture of the moved pose, null where nothing is moved, undefined where a newer one is on its way. */
  async #decode(view, state) {
    const { model, answer } = this.#context.lookInto(view);
    if (!model?.can.decode || !isMoved(state) || !answer?.pose) return null;
    const pose = movedPose(answer.pose, state, model);
    const decoded = await this.#asked.decode.ask({ set: state.set, model: model.id, class: answer.winner, pose });
    return decoded && unpack(decoded.image);
  }

  async #route(view, state, number) {
    if (this.#page.wantsRouting()) {
      const model = this.#context.lookInto().id;
      const { set, source, transform, iterations } = state;
      const answer = await this.#asked.routing.ask({ set, model, source, transform, iterations, parts: 12 });
      if (answer === undefined || number < this.#settled || set !== this.#store.state.set) return;
      this.#page.showRouting(answer, view);
    }
    this.#settled = number;
    document.documentElement.dataset.settled = number;
  }
}

/** Asks no question twice in a row: the answer to the last one is kept. */
class Memory {
  #key = null;
  #answer = null;

  ask(question) {
    const key = JSON.stringify(question);
    if (key !== this.#key) {
      this.#key = key;
      this.#answer = this.latest.ask(question);
      this.#answer.catch(() => {
        if (this.#key === key) this.#key = null;
      });
    }
    return this.#answer;
  }
}

function wordsFor({ label }, { source, transform }, classes) {
  const what = {
    test: () => `test image ${source.index}${label === null ? "" : ` (${classes[label]})`}`,
    pixels: () => "your picture",
    face: () => `a drawing of ${label === null ? "parts" : classes[label]}`,
  }[source.kind]();
  return transform.degrees === 0 ? what : `${what}, rotated by ${Math.round(transform.degrees)}°`;
}
