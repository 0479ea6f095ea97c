// @ts-check
// A list of hits and misses, and its measures: drag films, or move them with the keyboard.
"use strict";

{
  /** @typedef {{name: string, hidden: boolean}} Film */

  const begin = ["Fargo", "Casablanca", "Alien", "Brazil", "Dumbo", "Jaws", "Heat", "Amadeus"];
  /** @type {Film[]} */
  let films = begin.map((name) => ({
    name,
    hidden: ["Casablanca", "Brazil", "Jaws"].includes(name),
  }));

  /** @param {number} rank from 1 */
  const gain = (rank) => 1 / Math.log2(rank + 1);

  /** @param {number[]} numbers */
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

  /**
   * The measures (2.2) and (2.3) of a list's first k films, and how high each can get.
   * @param {Film[]} list
   * @param {number} k
   */
  function measure(list, k) {
    const hits = list.slice(0, k).flatMap((film, n) => (film.hidden ? [n + 1] : []));
    const hidden = list.filter((film) => film.hidden).length;
    const best = Math.min(k, hidden);
    const ideal = Array.from({ length: best }, (_, n) => gain(n + 1));
    return {
      hits,
      hidden,
      rows: [
        { name: "precision", value: hits.length / k, ceiling: best / k },
        { name: "recall", value: hits.length / hidden, ceiling: best / hidden },
        { name: "NDCG", value: sum(hits.map(gain)) / sum(ideal), ceiling: hidden ? 1 : NaN },
        { name: "hit rate", value: Number(hits.length > 0), ceiling: Number(hidden > 0) },
      ],
    };
  }

  /** @param {number} value */
  const shown = (value) => (Number.isNaN(value) ? "–" : value.toFixed(3));

  const length = slider(
    "play-k",
    "Length of the list, k",
    { min: 1, max: 8, step: 1, value: 5 },
    () => update(),
  );
  const list = make("ol", { class: "play-list", id: "play-list-films" });
  const items = new Map(films.map((film) => [film.name, itemOf(film)]));
  const measures = tableOf(
    "play-measures",
    "Measures",
    ["", "value", "ceiling"],
    ["precision", "recall", "NDCG", "hit rate"],
  );
  const chart = drawing("play-bars", "Measures as bars, with their ceilings as lines", 320, 132);
  const bars = measures.cells.map((_, n) => {
    const y = 8 + 31 * n;
    const value = draw("rect", { x: 85, y, height: 20, class: "play-bar" });
    const ceiling = draw("line", { y1: y - 4, y2: y + 24, class: "play-ceiling" });
    const text = measures.table.rows[n + 1].cells[0].textContent ?? "";
    const label = draw(
      "text",
      { x: 78, y: y + 15, "text-anchor": "end", class: "play-label" },
      text,
    );
    const room = draw("rect", { x: 85, y, width: 225, height: 20, class: "play-room" });
    chart.svg.append(label, room, value, ceiling);
    return { value, ceiling };
  });
  const summary = make("p", { role: "status", id: "play-summary" });

  /**
   * A film's line: what to drag it by, its name, whether it is hidden, and the two ways to move.
   * @param {Film} film
   */
  function itemOf(film) {
    const change = () => {
      film.hidden = hidden.checked;
      update(film.name);
    };
    const hidden = make("input", { type: "checkbox", checked: film.hidden, change });
    const box = make(
      "label",
      {},
      hidden,
      make("span", { class: "play-unseen" }, `${film.name} is a`),
      " hit",
    );
    const verdict = make("span", { class: "play-verdict" });
    const [up, down] = [-1, 1].map((by) =>
      make(
        "button",
        {
          type: "button",
          "aria-label": `${film.name} ${by < 0 ? "up" : "down"}`,
          click: () => move(film, by),
        },
        by < 0 ? "▲" : "▼",
      ),
    );
    const keydown = (/** @type {KeyboardEvent} */ event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      move(film, by);
    };
    for (const button of [up, down]) button.addEventListener("keydown", keydown);
    const grip = make(
      "span",
      { class: "play-grip" },
      make("span", { "aria-hidden": "true" }, "⠿ "),
      film.name,
    );
    const item = make("li", {}, grip, verdict, box, up, down);
    grip.addEventListener("pointerdown", (event) => drag(event, film, item));
    return { item, verdict, hidden };
  }

  /** @param {Film} film @param {number} by */
  function move(film, by) {
    moveTo(film, films.indexOf(film) + by);
  }

  /** @param {Film} film @param {number} place */
  function moveTo(film, place) {
    if (place < 0 || place >= films.length) return;
    films = films.filter((other) => other !== film);
    films.splice(place, 0, film);
    update(film.name);
  }

  /**
   * Let a film follow the finger or the mouse.
   * @param {PointerEvent} down
   * @param {Film} film
   * @param {HTMLElement} item
   */
  function drag(down, film, item) {
    down.preventDefault();
    item.classList.add("play-dragged");
    const over = (/** @type {PointerEvent} */ event) => {
      const above = films.filter((other) => {
        const box = items.get(other.name)?.item.getBoundingClientRect();
        return other !== film && box && box.top + box.height / 2 < event.clientY;
      });
      if (above.length !== films.indexOf(film)) moveTo(film, above.length);
    };
    follow(over, () => item.classList.remove("play-dragged"));
  }

  /**
   * Show what now is.
   * @param {string} [moved] the film that is moved or held: its line stays in the page, and so do
   *   focus and finger, while the others go around it
   */
  function update(moved = films[0].name) {
    const k = Number(length.input.value);
    const { hits, hidden, rows } = measure(films, k);
    const held = items.get(moved)?.item;
    if (held && !held.isConnected) list.append(held);
    let past = false;
    films.forEach((film, n) => {
      const line = items.get(film.name);
      if (!line || !held) return;
      if (line.item === held) past = true;
      else if (past) list.append(line.item);
      else list.insertBefore(line.item, held);
      line.item.classList.toggle("play-hit", film.hidden);
      line.item.classList.toggle("play-below", n >= k);
      line.item.classList.toggle("play-last", n === k - 1);
      const listed = film.hidden ? `gain ${gain(n + 1).toFixed(3)}` : "miss";
      const left = film.hidden ? "not found" : "not listed";
      line.verdict.textContent = n < k ? listed : left;
    });
    length.output.textContent = String(k);
    rows.forEach(({ value, ceiling }, n) => {
      measures.cells[n][0].textContent = shown(value);
      measures.cells[n][1].textContent = shown(ceiling);
      bars[n].value.setAttribute("width", String(225 * (value || 0)));
      const x = 85 + 225 * (ceiling || 0);
      fill(bars[n].ceiling, { x1: x, x2: x }, []);
    });
    const said = rows
      .slice(0, 3)
      .map(({ name, value }) => `${name} ${shown(value)}`)
      .join(", ");
    const nobody = "Without a hidden film there is nothing to find: such a user is left out.";
    summary.textContent =
      `Hits at ranks: ${hits.join(", ") || "none"}; ${hits.length} in a list of ${k}, ` +
      `of ${hidden} hidden films. ${hidden ? `At ${k}: ${said}.` : nobody}`;
    chart.description.textContent = rows
      .map(({ name, value, ceiling }) => `${name} ${shown(value)}, at most ${shown(ceiling)}`)
      .join("; ");
  }

  const raised = films.filter(({ name }) => name !== "Brazil");
  raised.unshift(films[3]);
  const answer = shown(measure(raised, 5).rows[2].value);
  update();
  believeFirst(
    placeOf("play-list"),
    {
      question:
        "The list of five has hits at ranks 2 and 4, three films are hidden, and NDCG@5 is 0.498. Brazil moves from rank 4 to the top, and those above it go down by one. What is NDCG@5 then?",
      answer,
      why: "Precision and recall stay as they are. Move Brazil to the top and look.",
    },
    [summary, length.row, list, chart.svg, measures.table],
  );
}
