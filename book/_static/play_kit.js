// @ts-check
// What the pages of the part "Play" share: making elements, and the belief before the answer.
// Classic scripts: a page that is opened from disk may neither load modules nor fetch.
"use strict";

/**
 * Give an element attributes, listeners and children.
 * @template {Element} E
 * @param {E} element
 * @param {Record<string, unknown>} attributes a function listens to the event of its name
 * @param {(Node | string)[]} children
 * @returns {E}
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name, /** @type {EventListener} */ (value));
    } else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, String(value));
  }
  element.append(...children);
  return element;
}

/**
 * An HTML element.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string)} children
 */
function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * An element of a drawing.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...(Node | string)} children
 */
function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  return fill(element, attributes, children);
}

/**
 * A drawing with a title and a description, which is to say what it shows now.
 * @param {string} name of the drawing, for its ids
 * @param {string} title
 * @param {number} width
 * @param {number} height
 */
function drawing(name, title, width, height) {
  const description = draw("desc", { id: `${name}-desc` });
  const svg = draw(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-labelledby": `${name}-title`,
      "aria-describedby": `${name}-desc`,
    },
    draw("title", { id: `${name}-title` }, title),
    description,
  );
  return { svg, description };
}

/**
 * A table with a caption, and its cells by row and column, to be written to.
 * @param {string} name
 * @param {string} caption
 * @param {string[]} columns the first is the head of the rows' names
 * @param {string[]} rows
 */
function tableOf(name, caption, columns, rows) {
  const cells = rows.map(() => columns.slice(1).map(() => make("td")));
  const body = rows.map((row, n) => make("tr", {}, make("th", { scope: "row" }, row), ...cells[n]));
  const heads = columns.map((column) => make("th", { scope: "col" }, column));
  const title = make("caption", {}, caption);
  const table = make(
    "table",
    { class: "play-table", id: name },
    title,
    make("thead", {}, make("tr", {}, ...heads)),
    make("tbody", {}, ...body),
  );
  return { table, cells, title };
}

/**
 * A number's text with a minus in place of a hyphen.
 * @param {string} number
 */
const withMinus = (number) => number.replace("-", "−");

/**
 * A slider, its label and what it stands at.
 * @param {string} id
 * @param {string} text
 * @param {{min: number, max: number, step: number, value: number}} range
 * @param {() => void} changed
 */
function slider(id, text, range, changed) {
  const output = make("output", { for: id });
  const input = make("input", { type: "range", id, ...range, input: changed });
  return { input, output, row: make("p", {}, make("label", { for: id }, text), output, input) };
}

/**
 * Follow a finger or the mouse until it lets go.
 * @param {(event: PointerEvent) => void} moved
 * @param {(event: PointerEvent | null) => void} ended null where the browser took it away
 */
function follow(moved, ended) {
  const held = new AbortController();
  const end = (/** @type {PointerEvent} */ event) => {
    held.abort();
    ended(event.type === "pointerup" ? event : null);
  };
  addEventListener("pointermove", moved, { signal: held.signal });
  addEventListener("pointerup", end, { signal: held.signal });
  addEventListener("pointercancel", end, { signal: held.signal });
}

/**
 * Ask for a number first; the answer and the toy come with it, or to who would rather not guess.
 * @param {HTMLElement} root what the page has for the toy, with what stands there without a script
 * @param {{question: string, answer: string, why: string, how: string}} ask how to use the toy is
 *   said above it, and not before it is there
 * @param {(HTMLElement | SVGElement)[]} parts of the toy
 * @param {HTMLElement | SVGElement} about the part that the question is about: it can be seen before
 */
function believeFirst(root, ask, parts, about) {
  const still = make("div", { inert: true }, about);
  const toy = make("div", { class: "play-toy", hidden: true }, make("p", {}, ask.how));
  const guess = make("input", { type: "number", step: "any", required: true, id: "play-guess" });
  const verdict = make("p", { role: "status", id: "play-verdict" });
  const tell = (/** @type {string} */ said) => {
    verdict.textContent = `${said}It is ${ask.answer}. ${ask.why}`;
    still.remove();
    toy.append(...parts);
    toy.hidden = false;
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    tell(`You said ${guess.value}. `);
  };
  const skip = make(
    "button",
    { type: "button", click: () => tell("") },
    "I would rather not guess",
  );
  const form = make(
    "form",
    { submit },
    make("label", { for: "play-guess" }, ask.question),
    make("p", {}, guess, make("button", {}, "This is my guess"), skip),
  );
  for (const child of root.children) child.toggleAttribute("hidden", true);
  root.append(still, form, verdict, toy);
}

/**
 * The element of the page that a toy goes into.
 * @param {string} id
 */
function placeOf(id) {
  const root = document.getElementById(id);
  if (!root) throw new Error(`the page has no element ${id}`);
  return root;
}
