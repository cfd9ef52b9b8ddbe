// The view as one picture: the input, what each network predicts, the pose and its reconstruction.

import { paint, rgb } from "./pixels.js";

const [WIDTH, MARGIN, SIDE] = [1200, 56, 300];
const FONT = getComputedStyle(document.documentElement).getPropertyValue("--sans");

/** Draw {view, decoded} as a canvas. colour(model): a style sheet's colour. look: {model, answer}. */
export function drawPoster({ view, decoded }, { classes, models }, look, colour) {
  const bars = 62 + classes.length * 24;
  const height = MARGIN * 2 + 96 + Math.max(SIDE, bars) + 24 + (look.answer?.pose ? 230 : 0);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [WIDTH * 2, height * 2];
  const pen = new Pen(canvas.getContext("2d"));
  pen.box(0, 0, WIDTH, height, "--page");
  pen.text("A capsule encodes presence and pose.", MARGIN, MARGIN + 26, { size: 34, weight: 700 });
  pen.text(headline(view, classes), MARGIN, MARGIN + 60, { size: 18, colour: "--soft" });
  const top = MARGIN + 96;
  pen.picture(view.image, view.tone, MARGIN, top, SIDE);
  const room = (WIDTH - 2 * MARGIN - SIDE - 44) / models.length;
  models.forEach((model, k) => {
    const x = MARGIN + SIDE + 44 + k * room;
    probabilities(pen, model, view, classes, x, top, room - 32, colour(model.id));
  });
  if (look.answer?.pose) {
    const y = height - MARGIN - 210;
    poseOf(pen, look, classes, y, colour(look.model.id));
    const drawn = decoded ?? look.answer.reconstruction;
    if (drawn) {
      pen.picture(drawn, view.tone, WIDTH - MARGIN - 170, y + 20, 170);
      pen.text("reconstruction", WIDTH - MARGIN - 170, y + 6, { size: 14, colour: "--soft" });
    }
  }
  pen.text("torchcaps explorer", WIDTH - MARGIN, MARGIN + 26, { size: 16, colour: "--soft", align: "right" });
  return canvas;
}

function headline(view, classes) {
  const angle = (answer) => (answer.angle === null ? "" : ` at ${Math.round(answer.angle)}°`);
  const told = view.answers.map((answer) => `${answer.model} predicts ${classes[answer.winner]}${angle(answer)}`);
  const words = view.words[0].toUpperCase() + view.words.slice(1);
  return `${words}: ${told.join(", ")}.`;
}

function probabilities(pen, model, view, classes, x, top, width, accent) {
  const answer = view.answers.find((one) => one.model === model.id);
  pen.box(x, top + 2, 12, 12, accent);
  pen.text(model.id, x + 20, top + 14, { size: 16, weight: 650 });
  pen.text("probabilities", x, top + 36, { size: 13, colour: "--soft" });
  answer.probabilities.forEach((probability, label) => {
    const y = top + 62 + label * 24;
    const winner = label === answer.winner;
    pen.text(classes[label], x, y + 5, { size: 14, weight: winner ? 700 : 400 });
    pen.box(x + 52, y - 5, width - 100, 10, "--paper");
    pen.box(x + 52, y - 5, (width - 100) * probability, 10, winner ? accent : "--strong-line");
    pen.text(probability.toFixed(2), x + width, y + 5, { size: 13, colour: "--soft", align: "right" });
  });
}

function poseOf(pen, { model, answer }, classes, y, accent) {
  const left = MARGIN;
  const width = WIDTH - 2 * MARGIN - 220;
  const most = Math.max(...answer.pose.map(Math.abs), ...(answer.upright_pose ?? []).map(Math.abs), 0.1);
  const step = width / answer.pose.length;
  const middle = y + 110;
  pen.text(`Pose of ${classes[answer.winner]} in ${model.id}; in grey, that of the original picture`, left, y + 6, { size: 14, colour: "--soft" });
  pen.box(left, middle, width, 1, "--strong-line");
  const bars = (values, share, ink) =>
    values?.forEach((value, k) => {
      const size = (value / most) * 80;
      pen.box(left + step * (k + (1 - share) / 2), middle - Math.max(size, 0), step * share, Math.abs(size), ink);
    });
  bars(answer.upright_pose, 0.86, "--line");
  bars(answer.pose, 0.5, accent);
}

/** A 2D context that knows the style sheet's colours. */
class Pen {
  constructor(context) {
    this.context = context;
    context.scale(2, 2);
    context.imageSmoothingEnabled = false;
  }

  box(x, y, width, height, colour) {
    this.context.fillStyle = `rgb(${rgb(colour).join(" ")})`;
    this.context.fillRect(x, y, width, height);
  }

  text(words, x, y, { size, weight = 400, colour = "--ink", align = "left" }) {
    Object.assign(this.context, { font: `${weight} ${size}px ${FONT}`, textAlign: align, fillStyle: `rgb(${rgb(colour).join(" ")})` });
    this.context.fillText(words, x, y, WIDTH - 2 * MARGIN);
  }

  picture(pixels, tone, x, y, side) {
    const small = document.createElement("canvas");
    paint(small, pixels, tone);
    this.context.drawImage(small, x, y, side, (side * small.height) / small.width);
  }
}
