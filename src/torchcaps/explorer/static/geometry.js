// Where a point of a picture goes: the page's copy of torchcaps.data.transforms.affine.

/** [a, b, c, d] of the matrix R S K, x to the right and y down, turning counter-clockwise. */
export function matrixOf({ degrees, scale, shear }) {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return [scale * cos, scale * (cos * shear + sin), -scale * sin, scale * (cos - sin * shear)];
}

/** The matrix times a vector. */
export function apply([a, b, c, d], [x, y]) {
  return [a * x + b * y, c * x + d * y];
}

/** The other way round. */
export function invert([a, b, c, d]) {
  const whole = a * d - b * c;
  return [d / whole, -b / whole, -c / whole, a / whole];
}

/** The angle of a point seen from the middle, counter-clockwise, 0 is up, y is down. */
export function angleOf([x, y]) {
  return (Math.atan2(-x, -y) * 180) / Math.PI;
}
