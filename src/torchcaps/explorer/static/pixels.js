// Pictures of a few pixels: from the server's bytes to crisp squares on a canvas.

const INK = 0;
const NATURAL = 1;

/** {shape: [C,H,W], data} with the bytes themselves instead of base64. */
export function unpack(pixels) {
  const text = atob(pixels.data);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return { shape: pixels.shape, bytes };
}

/** The way back. */
export function pack({ shape, bytes }) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return { shape, data: btoa(text) };
}

/**
 * How to show grey pictures. Bright strokes on black are ink, and are shown in the page's ink on the
 * page's paper; any other picture is shown as it is. The picture's border decides.
 */
export function toneOf({ shape: [channels, height, width], bytes }) {
  if (channels !== 1) return NATURAL;
  let sum = 0;
  let count = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (x > 0 && y > 0 && x < width - 1 && y < height - 1) continue;
      sum += bytes[y * width + x];
      count += 1;
    }
  }
  return sum / count < 90 ? INK : NATURAL;
}

/** Draw the pixels on a canvas of as many pixels; CSS makes the canvas larger. */
export function paint(canvas, picture, tone) {
  const { shape, bytes } = picture;
  const [channels, height, width] = shape;
  const image = new ImageData(width, height);
  const [paper, ink] = tone === INK ? paperAndInk() : [[0, 0, 0], [255, 255, 255]];
  const plane = width * height;
  for (let at = 0; at < plane; at += 1) {
    for (let c = 0; c < 3; c += 1) {
      const value = bytes[channels === 3 ? c * plane + at : at] / 255;
      image.data[4 * at + c] = paper[c] + (ink[c] - paper[c]) * value;
    }
    image.data[4 * at + 3] = 255;
  }
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  canvas.style.aspectRatio = `${width} / ${height}`;
}

/** Signed numbers from -1 to 1 on a canvas: one colour for more, one for less, clear for none. */
export function paintSigned(canvas, values, [height, width], [more, less], strength = 0.85) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  values.forEach((value, at) => {
    image.data.set(value > 0 ? more : less, 4 * at);
    image.data[4 * at + 3] = 255 * strength * Math.min(1, Math.abs(value));
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The difference of two pictures from -1 to 1, the mean over the channels, row by row. */
export function difference(one, other) {
  const [channels, height, width] = one.shape;
  const plane = height * width;
  return Array.from({ length: plane }, (_, at) => {
    let sum = 0;
    for (let c = 0; c < channels; c += 1) {
      sum += one.bytes[c * plane + at] - other.bytes[c * plane + at];
    }
    return sum / (255 * channels);
  });
}

const known = new Map();

/** A colour of the style sheet, in the theme that is on, as [r, g, b]. */
export function rgb(name) {
  if (!known.has(name)) {
    const probe = document.createElement("i");
    probe.style.color = name.startsWith("--") ? `var(${name})` : name;
    document.body.append(probe);
    known.set(name, getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number));
    probe.remove();
  }
  return known.get(name);
}

/** After a change of theme. */
export function forgetColours() {
  known.clear();
}

function paperAndInk() {
  return [rgb("--paper"), rgb("--ink")];
}
