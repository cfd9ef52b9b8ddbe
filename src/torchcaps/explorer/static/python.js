// The lines of Python that give the same numbers: on the clipboard, and shown.

import { h, put } from "./dom.js";

/** Show the lines in the dialog, and copy them. */
export async function showPython(dialog, code) {
  const said = h("p", { class: "soft", role: "status" });
  const copy = async () => {
    said.textContent = (await copyText(code)) ? "Copied." : "The browser did not allow copying; select the lines instead.";
  };
  put(
    dialog,
    h("div", { class: "row" },
      h("h2", { id: "python-title" }, "The same in Python"),
      h("button", { type: "button", class: "close", onclick: () => dialog.close() }, "Close"),
    ),
    h("pre", { tabindex: "0" }, h("code", {}, code)),
    h("div", { class: "row" }, h("button", { type: "button", onclick: copy }, "Copy again"), said),
  );
  dialog.showModal();
  await copy();
}

/** Whether the clipboard took it. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
