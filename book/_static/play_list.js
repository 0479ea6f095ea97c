// @ts-check
// A list of hits and misses, and its measures: drag films, or move them with the keyboard.
"use strict";

{
  /**
   * @typedef {object} Film
   * @property {string} name
   * @property {boolean} hidden from the recommender: a hit where it is listed
   * @property {HTMLLIElement} line
   * @property {HTMLElement} verdict what the line says of the film's place
   */

  /** @param {number} rank from 1 */
  const gain = (rank) => 1 / Math.log2(rank + 1);

  /** @param {number[]} numbers */
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

  /**
   * The measures (2.2) and (2.3) of a list's first k films, and how high each can get.
   * @param {Film[]} ranking
   * @param {number} k
   */
  function measure(ranking, k) {
    const hits = ranking.slice(0, k).flatMap((film, n) => (film.hidden ? [n + 1] : []));
    const hidden = ranking.filter((film) => film.hidden).length;
    const best = Math.min(k, hidden);
    const ideal = Array.from({ length: best }, (_, n) => gain(n + 1));
    const rows = [
      { name: "precision", value: hits.length / k, ceiling: best / k },
      { name: "recall", value: hits.length / hidden, ceiling: best / hidden },
      { name: "NDCG", value: sum(hits.map(gain)) / sum(ideal), ceiling: hidden ? 1 : NaN },
      { name: "hit rate", value: Number(hits.length > 0), ceiling: Number(hidden > 0) },
    ];
    return { hits, hidden, rows };
  }

  /** @param {number} value not a number where no film is hidden */
  const shown = (value) => (Number.isNaN(value) ? "–" : value.toFixed(3));

  /**
   * A film and its line: what to drag it by, its verdict, its box and its two buttons.
   * @param {string} name
   * @returns {Film}
   */
  function filmOf(name) {
    const verdict = make("span", { class: "play-verdict" });
    const hidden = make("input", {
      type: "checkbox",
      "aria-label": `${name} is a hidden like`,
      checked: ["Casablanca", "Brazil", "Jaws"].includes(name),
      change: () => {
        film.hidden = hidden.checked;
        update(film);
      },
    });
    const keydown = (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
      event.preventDefault();
      move(film, event.key === "ArrowUp" ? -1 : 1);
    };
    const [up, down] = [-1, 1].map((by) => {
      const label = `${name} ${by < 0 ? "up" : "down"}`;
      const click = () => move(film, by);
      const what = { type: "button", "aria-label": label, click, keydown };
      return make("button", what, by < 0 ? "▲" : "▼");
    });
    const pointerdown = (/** @type {PointerEvent} */ event) => drag(event, film);
    const handle = make("span", { "aria-hidden": "true" }, "⠿ ");
    const grip = make("span", { class: "play-grip", pointerdown }, handle, name);
    const box = make("label", {}, hidden, " hidden");
    const film = { name, hidden: hidden.checked, line: make("li"), verdict };
    film.line.append(make("span", { class: "play-named" }, grip, verdict), box, up, down);
    return film;
  }

  const names = ["Fargo", "Casablanca", "Alien", "Brazil", "Dumbo", "Jaws", "Heat", "Amadeus"];
  let films = names.map(filmOf);
  const range = { min: 1, max: names.length, step: 1, value: 5 };
  const length = slider("play-k", "Length of the list, k", range, () => update());
  const list = make("ol", { class: "play-list" }, ...films.map((film) => film.line));
  const kinds = measure(films, 5).rows.map((row) => row.name);
  const measures = tableOf("play-measures", "Measures", ["measure", "value", "ceiling"], kinds);
  const chart = drawing("play-bars", "Measures as bars, with their ceilings as lines", 320, 132);
  const bars = kinds.map((kind, n) => {
    const y = 8 + 31 * n;
    const side = { x: 78, y: y + 15, "text-anchor": "end", class: "play-label" };
    const value = draw("rect", { x: 85, y, height: 20, class: "play-bar" });
    const ceiling = draw("line", { y1: y - 4, y2: y + 24, class: "play-ceiling" });
    const room = draw("rect", { x: 85, y, width: 225, height: 20, class: "play-room" });
    chart.svg.append(draw("text", side, kind), room, value, ceiling);
    return { value, ceiling };
  });
  const summary = make("p", { role: "status", id: "play-summary" });

  /**
   * Move a film down by so many places, or up.
   * @param {Film} film
   * @param {number} by
   */
  function move(film, by) {
    const place = films.indexOf(film) + by;
    if (place < 0 || place >= films.length) return;
    films = films.filter((other) => other !== film);
    films.splice(place, 0, film);
    update(film);
  }

  /**
   * Let a film follow the finger or the mouse.
   * @param {PointerEvent} down
   * @param {Film} film
   */
  function drag(down, film) {
    down.preventDefault();
    film.line.classList.add("play-dragged");
    const over = (/** @type {PointerEvent} */ event) => {
      const above = films.filter((other) => {
        const box = other.line.getBoundingClientRect();
        return other !== film && box.top + box.height / 2 < event.clientY;
      });
      if (above.length !== films.indexOf(film)) move(film, above.length - films.indexOf(film));
    };
    follow(over, () => film.line.classList.remove("play-dragged"));
  }

  /**
   * Show what now is.
   * @param {Film} [held] its line stays in the page while the others go around it: a line that is
   *   taken out loses the focus, and the finger
   */
  function update(held = films[0]) {
    const k = Number(length.input.value);
    const { hits, hidden, rows } = measure(films, k);
    const place = films.indexOf(held);
    held.line.before(...films.slice(0, place).map((film) => film.line));
    held.line.after(...films.slice(place + 1).map((film) => film.line));
    films.forEach(({ hidden: wanted, line, verdict }, n) => {
      line.classList.toggle("play-hit", wanted);
      line.classList.toggle("play-below", n >= k);
      line.classList.toggle("play-last", n === k - 1);
      if (n >= k) verdict.textContent = wanted ? "not found" : "not listed";
      else verdict.textContent = wanted ? `gain ${gain(n + 1).toFixed(3)}` : "miss";
    });
    length.output.textContent = String(k);
    rows.forEach(({ value, ceiling }, n) => {
      const x = 85 + 225 * (ceiling || 0);
      measures.cells[n][0].textContent = shown(value);
      measures.cells[n][1].textContent = shown(ceiling);
      fill(bars[n].value, { width: 225 * (value || 0) }, []);
      fill(bars[n].ceiling, { x1: x, x2: x }, []);
    });
    const said = rows.map((row) => `${row.name} ${shown(row.value)}`).join(", ");
    summary.textContent = hidden
      ? `${hits.length} of ${hidden} hidden films in a list of ${k}: ${said}.`
      : "Without a hidden film there is nothing to find: such a user is left out.";
    chart.description.textContent = rows
      .map((row) => `${row.name} ${shown(row.value)}, at most ${shown(row.ceiling)}`)
      .join("; ");
  }

  const raised = [films[3], ...films.filter((_, n) => n !== 3)]; // Brazil on top
  const question =
    "The list of five has hits at ranks 2 and 4, three films are hidden, and NDCG@5 is 0.498. " +
    "Brazil moves from rank 4 to the top, and those above it go down by one. What is NDCG@5 then?";
  const answer = shown(measure(raised, 5).rows[2].value);
  const why = "Precision and recall stay as they are. Move Brazil to the top and look.";
  const how =
    'Drag a film by its name, or move it with its buttons or the arrow keys. Tick "hidden" ' +
    "where the user likes a film and the recommender was not told so. The thick line ends the list.";
  update();
  const parts = [summary, length.row, list, chart.svg, measures.table];
  believeFirst(placeOf("play-list"), { question, answer, why, how }, parts, list);
}
