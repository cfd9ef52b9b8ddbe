// Not a module: it runs before the first paint, so that no page flashes in the other colours.
(() => {
  const kept = localStorage.getItem("torchcaps-theme");
  if (kept === "light" || kept === "dark") document.documentElement.dataset.theme = kept;
})();
