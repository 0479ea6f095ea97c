// From disk a page may read no other: the search names what it finds and quotes nothing of it.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

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
