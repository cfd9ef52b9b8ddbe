// Five things to try: each moves the controls that a person would move.

import { h, put, reducedMotion } from "../dom.js";

/** The steps, as buttons in the list. acts: what the page can do, by name. */
export function makeTour(list, store, acts) {
  const steps = [
    ["Rotate the picture", "scores", () => glide(0, 40, (degrees) => store.move({ degrees: Math.round(degrees) }))],
    ["Sweep all angles", "scores", () => acts.sweep()],
    ["Change one number of the pose", "reconstruction", () => wave(store, acts.pose())],
    ["Play the routing", "routing", () => acts.play()],
    ["Scramble a face", "scores", () => acts.scramble()],
  ];
  put(
    list,
    steps.map(([words, panel, act]) =>
      h("li", {}, h("button", { type: "button", onclick: () => acts.ready().then(() => go(panel, act)) }, words)),
    ),
  );
}

async function go(panel, act) {
  const element = document.getElementById(panel);
  const { top, bottom } = element.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) {
    element.scrollIntoView({ behavior: reducedMotion() ? "auto" : "smooth", block: bottom - top > innerHeight ? "start" : "nearest" });
  }
  await act();
}

/** The strongest number of the pose: up, down and to where it stays. */
async function wave(store, pose) {
  if (!pose) return;
  const strongest = pose.reduce((best, value, k) => (Math.abs(value) > Math.abs(pose[best]) ? k : best), 0);
  const sign = pose[strongest] > 0 ? -1 : 1;
  const at = (value) => store.set({ delta: pose.map((_, k) => (k === strongest ? Math.round(value * 200) / 200 : 0)) });
  await glide(0, 0.25 * sign, at);
  await glide(0.25 * sign, -0.2 * sign, at);
}

/** Call `step` with numbers from one to the other over a second; at once where motion is not wanted. */
export function glide(from, to, step, duration = 1100) {
  if (reducedMotion()) return Promise.resolve(step(to));
  return new Promise((resolve) => {
    const start = performance.now();
    const frame = (now) => {
      const share = Math.min(1, (now - start) / duration);
      step(from + (to - from) * (0.5 - Math.cos(Math.PI * share) / 2));
      if (share < 1) requestAnimationFrame(frame);
      else resolve();
    };
    requestAnimationFrame(frame);
  });
}
