// Two dials: the angle between two vectors, and a pose that has orientations as a rose.

import { arc, closedCurve, line, polar } from "../chart.js";
import { put, s } from "../dom.js";

const R = 62;

/** How far a pose has turned from the upright one, as vectors: 0 to 180 degrees. */
export function drawAngle(svg, degrees) {
  // The upright pose points to the right, the turned one goes up and over to the left.
  const at = (angle, radius) => polar(angle - 90, radius);
  svg.setAttribute("viewBox", "-84 -82 168 104");
  put(
    svg,
    s("path", { class: "rim", d: arc(R, -90, 90) }),
    [0, 30, 60, 90, 120, 150, 180].map((tick) =>
      s("path", { class: "rim", d: line([at(tick, R), at(tick, R + (tick % 90 ? 3 : 6))]) }),
    ),
    [[0, 13, 15], [90, 12, 4], [180, 13, 15]].map(([tick, away, down]) => {
      const [x, y] = at(tick, tick === 90 ? R + away : R);
      return s("text", { class: "tick", x, y: tick === 90 ? y + 2 : down, "text-anchor": "middle" }, `${tick}°`);
    }),
    s("path", { class: "upright", d: line([[0, 0], at(0, R - 4)]) }),
    degrees > 1 ? s("path", { class: "sweep", d: arc(24, -90, degrees - 90) }) : null,
    s("path", { class: "needle", d: line([[0, 0], at(degrees, R - 4)]) }),
    s("circle", { class: "hub", r: 3.5 }),
  );
}

/**
 * The lengths of a pose's vectors at its orientations, each in its direction; the upright ones
 * behind; the angle that is read off, and the true one outside.
 */
export function drawRose(svg, lengths, upright, { window, angle, truth }) {
  const most = Math.max(...lengths, ...(upright ?? []), 1e-6);
  const step = 360 / lengths.length;
  const petals = (values) => closedCurve(values.map((value, k) => polar(k * step, (value / most) * (R - 6))));
  svg.setAttribute("viewBox", "-84 -84 168 168");
  const [x, y] = polar(truth, R + 12);
  put(
    svg,
    s("circle", { class: "rim", r: R }),
    lengths.map((_, k) => s("path", { class: "rim", d: line([polar(k * step, R), polar(k * step, R + 3)]) })),
    window < 180 ? s("path", { class: "window", d: arc(R, -window, window) }) : null,
    upright ? s("path", { class: "petals upright", d: petals(upright) }) : null,
    s("path", { class: "petals", d: petals(lengths) }),
    angle === null ? null : s("path", { class: "needle", d: line([[0, 0], polar(angle, R)]) }),
    s("circle", { class: "truth", cx: x, cy: y, r: 5 }),
    s("circle", { class: "hub", r: 3 }),
  );
}
