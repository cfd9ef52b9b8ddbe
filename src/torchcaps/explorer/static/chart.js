// Small drawings in SVG: scales, axes, lines.

import { put, s } from "./dom.js";

/** A function from numbers in [low, high] to places in [from, to]. */
export function scale([low, high], [from, to]) {
  return (value) => from + ((value - low) / (high - low)) * (to - from);
}

/** The path through points [x, y]. */
export function line(points) {
  return points.map(([x, y], k) => `${k ? "L" : "M"}${round(x)} ${round(y)}`).join("");
}

/** A smooth closed path through points on a circle-like curve (Catmull-Rom as Béziers). */
export function closedCurve(points) {
  const at = (k) => points[(k + points.length) % points.length];
  const pieces = points.map((here, k) => {
    const [before, next, after] = [at(k - 1), at(k + 1), at(k + 2)];
    const first = [here[0] + (next[0] - before[0]) / 6, here[1] + (next[1] - before[1]) / 6];
    const second = [next[0] - (after[0] - here[0]) / 6, next[1] - (after[1] - here[1]) / 6];
    return `C${[...first, ...second, ...next].map(round).join(" ")}`;
  });
  return `M${points[0].map(round).join(" ")}${pieces.join("")}Z`;
}

/** A point at this angle (counter-clockwise, 0 is up) and distance from the middle. */
export function polar(degrees, radius) {
  const angle = (degrees * Math.PI) / 180;
  return [-radius * Math.sin(angle), -radius * Math.cos(angle)];
}

/** Part of a circle about the middle, from one angle counter-clockwise to a larger one. */
export function arc(radius, from, to) {
  const [start, end] = [polar(from, radius), polar(to, radius)];
  const large = to - from > 180 ? 1 : 0;
  return `M${start.map(round).join(" ")}A${radius} ${radius} 0 ${large} 0 ${end.map(round).join(" ")}`;
}

/**
 * Empty the svg, give it this size in pixels and draw axes.
 * x, y: {range: [low, high], ticks: [[value, text], ...], label}
 * Returns the functions from values to pixels, and the edges of the plot.
 */
export function axes(svg, width, height, x, y) {
  const edge = { left: 34, right: width - 8, top: 10, bottom: height - 34 };
  const across = scale(x.range, [edge.left, edge.right]);
  const up = scale(y.range, [edge.bottom, edge.top]);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  put(
    svg,
    y.ticks.map(([value, text]) => [
      s("path", { class: "grid", d: line([[edge.left, up(value)], [edge.right, up(value)]]) }),
      s("text", { class: "tick", x: edge.left - 7, y: up(value) + 4, "text-anchor": "end" }, text),
    ]),
    x.ticks.map(([value, text]) => [
      s("path", { class: "axis", d: line([[across(value), edge.bottom], [across(value), edge.bottom + 4]]) }),
      s("text", { class: "tick", x: across(value), y: edge.bottom + 17, "text-anchor": "middle" }, text),
    ]),
    s("path", { class: "axis", d: line([[edge.left, edge.bottom], [edge.right, edge.bottom]]) }),
    s("text", { class: "label", x: (edge.left + edge.right) / 2, y: height - 2, "text-anchor": "middle" }, x.label),
  );
  return { across, up, edge };
}

/** How long the svg may be, in pixels, now and whenever that changes. */
export function onWidth(element, draw) {
  let known = 0;
  new ResizeObserver(([entry]) => {
    const width = Math.round(entry.contentRect.width);
    if (width === known || width === 0) return;
    known = width;
    draw(width);
  }).observe(element);
}

function round(value) {
  return Math.round(value * 100) / 100;
}
