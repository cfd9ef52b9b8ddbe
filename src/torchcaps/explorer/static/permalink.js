// A state as the part of an address after #, and back. What cannot be read is left at its default.

import { freshState, UPRIGHT } from "./store.js";

const LARGEST = 4096;
const POSE = ["x", "y", "rotation", "scale"];

/** {text, whole}: whole is false where the picture is too large to travel in an address. */
export function toHash(state) {
  const words = new URLSearchParams({ set: state.set });
  const { source, transform } = state;
  let whole = true;
  if (source.kind === "test") words.set("image", source.index);
  else if (source.kind === "face") words.set("face", packFigure(source.figure, state));
  else if (source.pixels.data.length * 0.75 <= LARGEST) {
    words.set("pixels", `${source.pixels.shape.join("x")}:${source.pixels.data.replaceAll("+", "-").replaceAll("/", "_")}`);
    words.set("tab", state.tab);
  } else whole = false;
  const moved = Object.keys(UPRIGHT).filter((name) => transform[name] !== UPRIGHT[name]);
  for (const name of moved) words.set(name, transform[name]);
  for (const name of ["model", "iterations", "shown"]) if (state[name] !== null) words.set(name, state[name]);
  if (state.roll !== 0) words.set("roll", state.roll);
  if (state.delta?.some((value) => value !== 0)) words.set("delta", state.delta.join(" "));
  return { text: words.toString(), whole };
}

/** The state that a hash describes, as far as these sets allow it; null where it describes none. */
export function fromHash(hash, sets) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  const info = sets.find((one) => one.id === words.get("set"));
  if (!info) return null;
  const state = freshState(info.id);
  Object.assign(state, sourceOf(words, info));
  state.transform = { ...UPRIGHT };
  for (const name of Object.keys(UPRIGHT)) state.transform[name] = number(words.get(name)) ?? UPRIGHT[name];
  if (info.models.some((model) => model.id === words.get("model"))) state.model = words.get("model");
  state.iterations = whole(words.get("iterations"), 1, 10);
  state.shown = whole(words.get("shown"), 1, 10);
  state.roll = whole(words.get("roll"), -180, 180) ?? 0;
  const delta = numbers(words.get("delta"));
  if (delta.length > 0 && delta.every((value) => value !== null)) state.delta = delta;
  return state;
}

function sourceOf(words, info) {
  const pixels = words.get("pixels")?.match(/^(\d+)x(\d+)x(\d+):([\w-]+=*)$/);
  if (pixels) {
    const shape = pixels.slice(1, 4).map(Number);
    const data = pixels[4].replaceAll("-", "+").replaceAll("_", "/");
    const tab = ["draw", "upload"].includes(words.get("tab")) ? words.get("tab") : "upload";
    if (shape.join() === info.in_shape.join()) return { tab, source: { kind: "pixels", pixels: { shape, data } } };
  }
  const face = words.get("face");
  if (face && info.id === "faces") return unpackFigure(face) ?? {};
  const index = whole(words.get("image"), 0, info.test_images - 1);
  return index === null ? {} : { source: { kind: "test", index } };
}

/** name;seed;edited;thickness;expression;shown;whole;part;part...; a pose is "x y rotation scale". */
function packFigure(figure, { seed, edited }) {
  const pose = (one) => POSE.map((name) => one[name]).join(" ");
  const shown = figure.shown.map((one) => (one ? "1" : "0")).join("");
  const parts = figure.parts.map((part) => `${part.name}: ${pose(part)}`);
  return [figure.figure, seed ?? 0, edited ? 1 : 0, figure.thickness, figure.expression, shown, pose(figure.whole), ...parts].join(";");
}

function unpackFigure(text) {
  const [name, seed, edited, thickness, expression, shown, whole, ...parts] = text.split(";");
  const pose = (words) => {
    const values = numbers(words);
    return values.length === 4 && !values.includes(null) ? Object.fromEntries(POSE.map((key, k) => [key, values[k]])) : null;
  };
  const figure = {
    figure: name,
    parts: parts.map((part) => ({ name: part.split(": ")[0], ...pose(part.split(": ")[1]) })),
    whole: pose(whole),
    thickness: number(thickness),
    expression: number(expression),
    shown: [...(shown ?? "")].map((one) => one === "1"),
  };
  const good = figure.whole && figure.parts.every((part) => "x" in part) && figure.thickness !== null && figure.expression !== null;
  return good ? { seed: number(seed) ?? 0, edited: edited === "1", source: { kind: "face", figure } } : null;
}

function number(text) {
  const value = text === null || text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : null;
}

function numbers(text) {
  return text ? text.trim().split(/\s+/).map(number) : [];
}

function whole(text, least, most) {
  const value = number(text);
  return Number.isInteger(value) && value >= least && value <= most ? value : null;
}
