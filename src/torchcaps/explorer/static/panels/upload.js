// A picture from a file: by the button or dropped.

import { h, newId } from "../dom.js";

export class UploadBox {
  /** onFile(file) is called with what was chosen, whatever it is: the server judges. */
  constructor(onFile) {
    const id = newId("file");
    this.input = h("input", { type: "file", id, accept: "image/png,image/jpeg", class: "unseen" });
    this.input.addEventListener("change", () => {
      if (this.input.files.length > 0) onFile(this.input.files[0]);
      this.input.value = "";
    });
    this.element = h(
      "div",
      {
        class: "drop",
        ondragover: (event) => this.#over(event, true),
        ondragleave: (event) => this.#over(event, false),
        ondrop: (event) => {
          this.#over(event, false);
          if (event.dataTransfer.files.length > 0) onFile(event.dataTransfer.files[0]);
        },
      },
      this.input,
      h("label", { for: id, class: "button" }, "Choose a PNG or JPEG"),
      h("p", { class: "soft" }, "or drop one here. It stays on this machine and is not stored."),
    );
  }

  #over(event, over) {
    event.preventDefault();
    this.element.classList.toggle("over", over);
  }
}
