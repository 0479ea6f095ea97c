// From disk a page may read no other: the search names what it finds and quotes nothing of it.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

// The theme forgets that the sidebar was closed; see sidebar.css.
const root = document.documentElement;
root.classList.toggle("sidebar-closed", localStorage.getItem("sidebar-closed") === "true");
document.addEventListener("DOMContentLoaded", () => {
  const sidebar = document.getElementById("pst-primary-sidebar");
  sidebar.classList.toggle("pst-sidebar-hidden", root.classList.contains("sidebar-closed"));
  root.classList.remove("sidebar-closed");
  const remember = () =>
    localStorage.setItem("sidebar-closed", sidebar.classList.contains("pst-sidebar-hidden"));
  new MutationObserver(remember).observe(sidebar, { attributeFilter: ["class"] });
});

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

/** Make the formulas, with a pause for the reader's fingers whenever that took a while. */
async function makeFormulas() {
  let rested = performance.now();
  for (const formula of document.querySelectorAll(".math, .output_area")) {
    await globalThis.MathJax.typesetPromise([formula]);
    const within = formula.matches("div.math") ? [formula, ...formula.children] : [];
    const over = Math.max(1, ...within.map((box) => box.scrollWidth / box.clientWidth));
    if (over > 1) formula.style.fontSize = `${Math.max(0.75, 1 / over)}em`; // what is wider scrolls
    if (performance.now() - rested < 30) continue;
    await new Promise((resume) => setTimeout(resume));
    rested = performance.now();
  }
}

// MathJax is long: it comes when the page answers. Who needs the formulas waits for this promise.
globalThis.formulas = new Promise((made) => {
  window.addEventListener("load", () => {
    const later = document.querySelector("script[type='text/later']");
    if (!later) return made();
    const script = document.createElement("script");
    globalThis.MathJax.startup = { pageReady: () => makeFormulas().then(made) };
    // In the middle, room for a number is left on both sides, which a phone has not.
    if (innerWidth < 577) globalThis.MathJax.chtml = { displayAlign: "left", displayIndent: "0" };
    script.src = later.src;
    document.head.append(script);
  });
});

// Paper is light.
addEventListener("beforeprint", () => {
  root.dataset.onScreen = root.dataset.theme;
  root.dataset.theme = "light";
});
addEventListener("afterprint", () => (root.dataset.theme = root.dataset.onScreen));
