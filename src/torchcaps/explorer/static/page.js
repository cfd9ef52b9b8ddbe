// All panels of the bench, and which of them hears of what.

import { put } from "./dom.js";
import { AnswersPanel } from "./panels/answers.js";
import { Dock } from "./panels/dock.js";
import { FacePanel } from "./panels/faces.js";
import { PosePanel } from "./panels/pose.js";
import { ReconstructionPanel } from "./panels/reconstruction.js";
import { RoutingPanel } from "./panels/routing.js";
import { SourcePanel } from "./panels/source.js";
import { Stage } from "./panels/stage.js";
import { TracePanel } from "./panels/trace.js";
import { TransformSliders } from "./panels/transform.js";

const body = (id) => document.querySelector(`#${id} .body`);

export class Page {
  #context;
  #routed = null;
  #routingSeen = false;
  /** Called when the routing panel comes into view and has nothing new to show. */
  onRoutingSeen = () => {};

  constructor(context) {
    this.#context = context;
    this.stage = new Stage(context);
    this.source = new SourcePanel(context);
    this.faces = new FacePanel(context, this.stage);
    this.sliders = new TransformSliders(context);
    this.dock = new Dock(context, this.stage.element);
    this.answers = new AnswersPanel(context, body("scores"));
    this.trace = new TracePanel(context, document.querySelector("#scores .trace"));
    this.pose = new PosePanel(context, body("pose"));
    this.reconstruction = new ReconstructionPanel(context, body("reconstruction"));
    this.routing = new RoutingPanel(context, body("routing"));
    new IntersectionObserver(
      ([entry]) => {
        this.#routingSeen = entry.isIntersecting;
        if (this.#routingSeen) this.onRoutingSeen();
      },
      { rootMargin: "120px" },
    ).observe(document.getElementById("routing"));
  }

  /** Another set is looked at. */
  set(info) {
    const controls = info.id === "faces" ? this.faces : this.source;
    put(body("input"), this.stage.element, this.stage.reading, controls.element, this.sliders.element);
    if (info.id !== "faces") {
      this.faces.leave();
      this.source.set(info);
    }
    this.sliders.set(info);
    this.answers.set(info);
  }

  /** The state changed: draw what needs no answer. */
  state(state, before) {
    this.stage.state(state);
    this.sliders.state(state);
    this.dock.state(state);
    if (state.set === "faces") this.faces.state(state);
    else this.source.state(state);
    this.trace.state(state, before);
    this.reconstruction.state(state);
    this.routing.state(state);
  }

  /** An answer: what every network says of the picture. */
  show(view, state, decoded) {
    const look = this.#context.lookInto(view);
    this.stage.show(view, state);
    this.dock.show(view);
    this.answers.show(view);
    this.trace.show(view, state);
    this.pose.show(view, state, look);
    this.reconstruction.show(view, state, look, decoded);
  }

  wantsRouting() {
    return this.#routingSeen && this.routing.wanted;
  }

  showRouting(answer, view) {
    this.#routed = [answer, view];
    this.routing.show(answer, view);
  }

  /** The colours changed. */
  repaint() {
    if (this.#routed) this.routing.show(...this.#routed);
  }
}
