// The only module that knows where answers come from. Another class with these methods (a network
// that runs in the browser, say) could take its place.

/** What went wrong, in words for the person at the page. */
export class EngineError extends Error {}

export class HttpEngine {
  /** Which models there are, and what they look at. */
  state() {
    return this.#get("api/state");
  }

  /** A picture, moved, and what every model of its set predicts. */
  view(question) {
    return this.#post("api/view", question);
  }

  /** The probabilities of one class at every angle. */
  sweep(question) {
    return this.#post("api/sweep", question);
  }

  /** What a pose looks like. */
  decode(question) {
    return this.#post("api/decode", question);
  }

  /** Parts, wholes and the couplings between them, iteration by iteration. */
  routing(question) {
    return this.#post("api/routing", question);
  }

  /** A PNG or JPEG (a Blob) brought to the shape the set's models take. ink: it is a drawing. */
  picture(set, blob, ink) {
    const query = new URLSearchParams({ set, ink: ink ? "1" : "0" });
    return this.#send(`api/picture?${query}`, { method: "POST", body: blob });
  }

  /** Begin to train the models of a set. */
  train(set) {
    return this.#post("api/train", { set });
  }

  /** How far the training is. */
  training() {
    return this.#get("api/training");
  }

  /** A drawn scene: where the parts of a face, a house, a scrambled face are. */
  figure(figure, seed) {
    return this.#get(`api/figure?${new URLSearchParams({ figure, seed })}`);
  }

  /** The lines of Python that give the same numbers. */
  python(question) {
    return this.#post("api/python", question);
  }

  #get(address) {
    return this.#send(address, {});
  }

  #post(address, question) {
    const headers = { "Content-Type": "application/json" };
    return this.#send(address, { method: "POST", headers, body: JSON.stringify(question) });
  }

  async #send(address, options) {
    let answer;
    try {
      answer = await fetch(address, options);
    } catch {
      throw new EngineError("The server does not answer. Is torchcaps explore still running?");
    }
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new EngineError(told.error ?? `The server answered ${answer.status}.`);
    return told;
  }
}

/**
 * The newest question wins: one is under way, at most one waits, and one that waits is dropped for
 * a newer one. Answers arrive in the order of their questions.
 */
export class Latest {
  #ask;
  #busy = false;
  #waiting = null;

  constructor(ask) {
    this.#ask = ask;
  }

  /** The answer, or undefined where a newer question has taken the place of this one. */
  ask(question) {
    return new Promise((resolve, reject) => {
      this.#waiting?.resolve(undefined);
      this.#waiting = { question, resolve, reject };
      this.#next();
    });
  }

  /** Something is under way or waits. */
  get busy() {
    return this.#busy;
  }

  async #next() {
    if (this.#busy || this.#waiting === null) return;
    const { question, resolve, reject } = this.#waiting;
    this.#waiting = null;
    this.#busy = true;
    try {
      resolve(await this.#ask(question));
    } catch (error) {
      reject(error);
    } finally {
      this.#busy = false;
      this.#next();
    }
  }
}
