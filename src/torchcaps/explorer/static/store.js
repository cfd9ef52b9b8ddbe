// The state of the page: one plain object that is never changed, only replaced.

export const UPRIGHT = Object.freeze({ degrees: 0, scale: 1, dx: 0, dy: 0, shear: 0 });

/** A set as it is first opened: with {image, degrees} where the server proposes such a view. */
export function freshState(set, first = null) {
  return {
    set,
    tab: "test",
    source: { kind: "test", index: first?.image ?? 0 },
    transform: { ...UPRIGHT, degrees: first?.degrees ?? 0 },
    // Which network is looked into; null is the first that has poses.
    model: null,
    // What is added to each number of the measured pose; null is nothing.
    delta: null,
    // By how many orientations the pose is rotated, for networks whose poses have orientations.
    roll: 0,
    // How many iterations are routed (null: as trained), and which of them is shown (null: the last).
    iterations: null,
    shown: null,
  };
}

/** Holds the state, numbers its changes and tells whoever listens. */
export class Store {
  #listeners = [];
  #number = 0;

  constructor(state) {
    this.state = state;
  }

  /** The running number of the newest state. */
  get number() {
    return this.#number;
  }

  listen(listener) {
    this.#listeners.push(listener);
  }

  /** Change some of the state. */
  set(patch) {
    this.replace({ ...this.state, ...patch });
  }

  /** Change some of the transform alone. */
  move(patch) {
    this.set({ transform: { ...this.state.transform, ...patch } });
  }

  replace(state) {
    const before = this.state;
    this.state = state;
    this.#number += 1;
    document.documentElement.dataset.asked = this.#number;
    for (const listener of this.#listeners) listener(state, before);
  }
}

/** The angle between -180 and 180 that looks the same. */
export function wrapDegrees(degrees) {
  const rest = ((degrees % 360) + 360) % 360;
  return rest > 180 ? rest - 360 : rest;
}

export function clamp(value, least, most) {
  return Math.min(most, Math.max(least, value));
}
