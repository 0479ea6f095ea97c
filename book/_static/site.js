// What the theme leaves to do for a reader by ear.
document.addEventListener("DOMContentLoaded", () => {
  // The folded parts of the contents have an arrow and no name.
  for (const arrow of document.querySelectorAll(".bd-sidebar summary")) {
    const page = arrow.closest("li")?.querySelector("a")?.textContent.trim();
    arrow.setAttribute("aria-label", `Pages of ${page}`);
  }
  // The references are called a list, and have no items.
  for (const list of document.querySelectorAll(".citation-list")) list.removeAttribute("role");
});
// Paper is light.
const root = document.documentElement;
addEventListener("beforeprint", () => {
  root.dataset.onScreen = root.dataset.theme;
  root.dataset.theme = "light";
});
addEventListener("afterprint", () => (root.dataset.theme = root.dataset.onScreen));
