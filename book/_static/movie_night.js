// @ts-check
// Movie night: up to six friends tick films; three models, folded in, choose for each and for all.
// A classic script: a page that is opened from disk may neither load modules nor fetch.
"use strict";

/**
 * @typedef {{width: number, scale: string, steps: string}} Rounded
 * @typedef {{scale: string, ends: string, gap: string, step: string, shared: string}} Neighbours
 * @typedef {object} Data films in order of their likes; see tools/movie_night.py
 * @property {string[] | null} titles null where the site may not show them
 * @property {number[]} years 0 where unknown
 * @property {string[]} genres
 * @property {number[]} sets a bit for each of a film's genres
 * @property {number[]} likes
 * @property {Rounded} svd
 * @property {Rounded} layers
 * @property {number} numLayers
 * @property {Neighbours} ease
 * @typedef {{name: string, liked: Set<number>}} Friend
 * @typedef {{film: number, weight: number, shared: number}} Neighbour
 * @typedef {{score: Float64Array, part: (ticked: number, film: number) => number}} Folded
 * @typedef {{friend: Friend, score: Float64Array, order: number[], place: Int32Array,
 *   card?: HTMLElement}} Standing kept, with its card, until the friend's films or the model change
 */

const movieNight = (() => {
  /** @type {Data} */
  const data = /** @type {any} */ (globalThis).movieNightData;
  const count = data.likes.length;
  const FRIENDS = 6;
  const FOUND = 30; // films that a search shows
  const SHOWN = 5; // films of a list
  const VOTES = 10; // films that each friend votes for
  const FILLER = 255; // see tools/movie_night.py

  // Numbers ---------------------------------------------------------------------------------------

  /** @param {string} text */
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  /** @param {string} text */
  const floats = (text) => new Float32Array(bytes(text).buffer);

  /** @param {Rounded} part */
  function vectors(part) {
    const scale = floats(part.scale);
    const steps = new Int8Array(bytes(part.steps).buffer);
    return Float64Array.from(steps, (step, n) => (step * scale[Math.floor(n / part.width)]) / 127);
  }

  /**
   * For each film those that speak for it.
   * @param {Neighbours} part
   * @returns {Neighbour[][]}
   */
  function readNeighbours(part) {
    const [gap, step, shared] = [bytes(part.gap), bytes(part.step), bytes(part.shared)];
    const scale = floats(part.scale);
    let n = 0;
    return [...new Uint16Array(bytes(part.ends).buffer)].map((end, film) => {
      const found = [];
      for (let other = 0; n < end; n++) {
        other += gap[n];
        if (gap[n] === FILLER && step[n] === 0) continue;
        found.push({ film: other, weight: (step[n] * scale[film]) / 255, shared: shared[n] });
      }
      return found;
    });
  }

  const svd = vectors(data.svd);
  const layers = vectors(data.layers);
  const neighbours = readNeighbours(data.ease);
  const dim = data.layers.width / (data.numLayers + 1);

  /**
   * The sum of a film's first layers.
   * @param {number} film
   * @param {number} number
   */
  function sumOfLayers(film, number) {
    const sum = new Float64Array(dim);
    for (let n = 0; n < number * dim; n++) sum[n % dim] += layers[film * data.layers.width + n];
    return sum;
  }

  /**
   * @param {Float64Array} a
   * @param {Float64Array} b
   */
  function dot(a, b) {
    let sum = 0;
    for (let n = 0; n < a.length; n++) sum += a[n] * b[n];
    return sum;
  }

  /** @param {Float64Array} vector */
  const lengthOf = (vector) => Math.sqrt(dot(vector, vector)) || 1;

  /**
   * What a ticked film gives a friend, and what a film is compared with, for two of the models.
   * @type {Map<string, {given: Float64Array[], wanted: Float64Array[], cosine: boolean}>}
   */
  const tables = new Map();
  const films = Array.from({ length: count }, (_, film) => film);
  const own = films.map((film) => svd.slice(film * data.svd.width, (film + 1) * data.svd.width));
  tables.set("svd", { given: own, wanted: own, cosine: false });
  for (let K = 1; K <= data.numLayers; K++) {
    tables.set(`layers-${K}`, {
      given: films.map((film) => {
        const root = Math.sqrt(Math.max(data.likes[film], 1));
        return sumOfLayers(film, K).map((x) => x / root);
      }),
      wanted: films.map((film) => {
        const sum = sumOfLayers(film, K + 1);
        const length = lengthOf(sum);
        return sum.map((x) => x / length);
      }),
      cosine: true,
    });
  }

  /**
   * Scores of all films for who has ticked some, and what each ticked film adds to one of them.
   * @param {string} model
   * @param {Iterable<number>} ticks
   * @returns {Folded}
   */
  function foldIn(model, ticks) {
    const liked = new Set(ticks);
    const table = tables.get(model);
    if (!table) {
      /** @type {(ticked: number, film: number) => number} */
      const part = (ticked, film) =>
        neighbours[film].find((one) => one.film === ticked)?.weight ?? 0;
      const sum = (/** @type {Neighbour[]} */ around) =>
        around.reduce((total, one) => total + (liked.has(one.film) ? one.weight : 0), 0);
      return { score: Float64Array.from(neighbours, sum), part };
    }
    const mine = new Float64Array(table.given[0].length);
    for (const film of liked) table.given[film].forEach((x, n) => (mine[n] += x));
    const length = table.cosine ? lengthOf(mine) : 1;
    return {
      score: Float64Array.from(table.wanted, (vector) => dot(mine, vector) / length),
      part: (ticked, film) => dot(table.given[ticked], table.wanted[film]) / length,
    };
  }

  /**
   * Films by their scores, the better known first where these are equal.
   * @param {ArrayLike<number>} score
   * @param {Set<number>} without
   */
  const ranking = (score, without) =>
    films.filter((film) => !without.has(film)).sort((a, b) => score[b] - score[a] || a - b);

  /** @param {Float64Array} score */
  function standardised(score) {
    const mean = score.reduce((a, b) => a + b) / count;
    const squares = score.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    const deviation = Math.sqrt(squares / (count - 1)) || 1;
    return score.map((x) => (x - mean) / deviation);
  }

  /** @type {WeakMap<Friend, {key: string, standing: Standing}>} */
  const known = new WeakMap(); // a tick changes one friend's scores, not all friends'

  /**
   * A friend's scores, list, and the place of each film on it.
   * @param {string} model
   * @param {Friend} friend
   * @returns {Standing}
   */
  function standingOf(model, friend) {
    const key = [model, ...friend.liked].join();
    const there = known.get(friend);
    if (there?.key === key) return there.standing;
    const score = standardised(foldIn(model, friend.liked).score);
    const order = ranking(score, friend.liked);
    const place = new Int32Array(count);
    order.forEach((film, n) => (place[film] = n + 1));
    const standing = { friend, score, order, place };
    known.set(friend, { key, standing });
    return standing;
  }

  /**
   * Each friend's list and the group's by each rule, without what anybody has ticked.
   * @param {string} model
   * @param {Friend[]} friends who have ticked something
   */
  function choose(model, friends) {
    const standings = friends.map((friend) => standingOf(model, friend));
    const seen = new Set(friends.flatMap((friend) => [...friend.liked]));
    const average = films.map(
      (film) => standings.reduce((sum, one) => sum + one.score[film], 0) / standings.length,
    );
    const lowest = films.map((film) => Math.min(...standings.map((one) => one.score[film])));
    const votes = new Float64Array(count);
    for (const { order } of standings) {
      for (const film of order.filter((one) => !seen.has(one)).slice(0, VOTES)) votes[film] += 1;
    }
    const byAverage = ranking(average, seen);
    const rules = {
      Average: byAverage,
      "Least misery": ranking(lowest, seen),
      Vote: [...byAverage].sort((a, b) => votes[b] - votes[a]), // the average decides a tie
      "Popular list": films.filter((film) => !seen.has(film)),
    };
    return { standings, rules };
  }

  // Words -----------------------------------------------------------------------------------------

  /** @param {number} film */
  const genresOf = (film) => data.genres.filter((_, n) => (data.sets[film] >> n) & 1);

  /** @param {number} film */
  function nameOf(film) {
    const year = data.years[film] || "year unknown";
    if (data.titles) return `${data.titles[film]} (${year})`;
    return `Film ${film + 1} (${year}; ${genresOf(film).join(", ")})`;
  }

  /** @param {string} text */
  const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  const searched = films.map((film) => plain(`${nameOf(film)} ${genresOf(film).join(" ")}`));

  /**
   * Films that have all words of a text; of no text, all.
   * @param {string} text
   */
  function search(text) {
    const words = plain(text).split(/\s+/);
    return films.filter((film) => words.every((word) => searched[film].includes(word)));
  }

  // The page --------------------------------------------------------------------------------------

  /** @type {Friend[]} */
  const friends = [{ name: "You", liked: new Set() }];
  let current = friends[0];
  let guessed = false;
  /** @type {number[]} */
  let before = []; // the films by the average that were shown last

  const people = make("fieldset", { id: "mn-friends" });
  const name = make("input", { id: "mn-name", maxlength: 30, autocomplete: "off" });
  const joined = make("p", { id: "mn-joined", role: "status" });
  const query = make("input", { id: "mn-search", type: "search", input: showFound });
  const counted = make("span", { role: "status" });
  const boxes = make("div");
  const found = make("fieldset", { id: "mn-found" }, make("legend", {}, counted), boxes);
  const ticked = make("fieldset", { id: "mn-ticked" });
  const said = make("p", { id: "mn-said", role: "status", "aria-live": "polite" });
  const verdict = make("p", { id: "mn-verdict" });
  const lists = make("div", { id: "mn-lists" });
  const genre = make(
    "select",
    { id: "mn-guess" },
    ...data.genres.map((one) => make("option", {}, one)),
  );
  const model = make("select", { id: "mn-model", change: update });
  const models = { svd: "PureSVD", ease: "EASE's neighbours" };
  for (const [value, text] of Object.entries(models)) model.append(make("option", { value }, text));
  for (let K = 1; K <= data.numLayers; K++) {
    const text = `LightGCN, ${K} layer${K > 1 ? "s" : ""} (approx.)`;
    model.append(make("option", { value: `layers-${K}` }, text));
  }
  model.value = `layers-${data.numLayers}`;

  /**
   * A box and its label.
   * @param {number} film
   * @param {string} place where it stands, for its id
   */
  function box(film, place) {
    const id = `mn-${place}-${film}`;
    const change = () => {
      if (!current.liked.delete(film)) current.liked.add(film);
      const again = document.getElementById(`mn-found-${film}`);
      if (again instanceof HTMLInputElement) again.checked = current.liked.has(film);
      showTicked();
      if (place === "ticked") ticked.querySelector("input")?.focus();
      update();
    };
    const input = make("input", { type: "checkbox", id, change });
    input.checked = current.liked.has(film);
    return make("div", {}, input, make("label", { for: id }, nameOf(film)));
  }

  function showFound() {
    const all = search(query.value);
    const many = all.length > FOUND ? `, here the first ${FOUND}` : "";
    counted.textContent = `${all.length.toLocaleString("en")} film${all.length === 1 ? "" : "s"}${many}`;
    boxes.replaceChildren(...all.slice(0, FOUND).map((film) => box(film, "found")));
  }

  function showTicked() {
    const lines = [...current.liked].map((film) => box(film, "ticked"));
    const legend = make("legend", {}, `Ticked for ${current.name} (${current.liked.size})`);
    ticked.replaceChildren(legend, ...lines);
  }

  function showFriends() {
    const rows = friends.map((friend, n) => {
      const id = `mn-friend-${n}`;
      const change = () => {
        turnTo(friend);
        showFound();
        showTicked();
      };
      const input = make("input", { type: "radio", name: "mn-friend", id, change });
      input.checked = friend === current;
      const leave = () => {
        friends.splice(friends.indexOf(friend), 1);
        if (friend === current) turnTo(friends[0]);
        joined.textContent = `${friend.name} has left.`;
        refresh();
        name.focus();
      };
      const remove = { type: "button", click: leave, "aria-label": `Remove ${friend.name}` };
      const button = friends.length > 1 ? [make("button", remove, "Remove")] : [];
      return make("div", {}, input, make("label", { for: id }, friend.name), ...button);
    });
    people.replaceChildren(make("legend", {}, "Tick films for"), ...rows);
  }

  /** @param {Friend} friend who ticks films from here on, and searches anew */
  function turnTo(friend) {
    current = friend;
    query.value = "";
  }

  function refresh() {
    showFriends();
    showFound();
    showTicked();
    update();
  }

  /** @param {Event} event */
  function addFriend(event) {
    event.preventDefault();
    const text = name.value.trim();
    const refused = !text
      ? "Give a name first."
      : friends.length >= FRIENDS
        ? `There are ${FRIENDS} friends already: remove one first.`
        : friends.some((friend) => friend.name === text) && `There is a ${text} already.`;
    if (refused) {
      joined.textContent = refused;
      return;
    }
    const [first] = friends;
    const alone = friends.length === 1 && first.name === "You" && !first.liked.size;
    if (alone) friends.pop(); // six may have names
    turnTo({ name: text, liked: new Set() });
    friends.push(current);
    name.value = "";
    refresh();
    const place = alone ? " in your place (add yourself by name)" : "";
    joined.textContent = `${text} is here${place}. Tick films that ${text} likes.`;
  }

  /**
   * What a film's score is made of, largest first, and the paths that lead to it.
   * @param {Friend} friend
   * @param {number} film
   */
  function why(friend, film) {
    const { score, part } = foldIn(model.value, friend.liked);
    const parts = [...friend.liked].map((one) => ({ one, share: part(one, film) }));
    parts.sort((a, b) => b.share - a.share);
    const rows = parts.map(({ one, share }) => {
      const path = neighbours[film].find((neighbour) => neighbour.film === one);
      const many = path && (path.shared > 254 ? "255 or more" : String(path.shared));
      const shared = many ? `: ${many} users like both` : "";
      return make("li", {}, `${share.toFixed(3)} ${nameOf(one)}${shared}`);
    });
    const total = `Score ${score[film].toFixed(3)}, of which`;
    return [make("p", {}, total), make("ul", {}, ...rows)];
  }

  /**
   * The first films of a list.
   * @param {string} heading
   * @param {number[]} order
   * @param {Friend} [friend] whose ticks explain it
   */
  function card(heading, order, friend) {
    const lines = order.slice(0, SHOWN).map((film) => {
      if (!friend) return make("li", {}, nameOf(film));
      const details = make("details", {}, make("summary", {}, nameOf(film)));
      const explain = () => details.childElementCount > 1 || details.append(...why(friend, film));
      details.addEventListener("toggle", explain);
      return make("li", {}, details);
    });
    return make("section", { class: "mn-card" }, make("h4", {}, heading), make("ol", {}, ...lines));
  }

  /**
   * Where a film stands on each friend's list, and who has it furthest down.
   * @param {number} film
   * @param {Standing[]} standings
   */
  function losers(film, standings) {
    const places = standings.map((one) => one.place[film]);
    const last = Math.max(...places);
    const worst = standings.filter((one) => one.place[film] === last).map((one) => one.friend.name);
    const text = standings.map((one, n) => `${one.friend.name} ${places[n]}`).join(", ");
    const loses = `${worst.join(" and ")} ${worst.length > 1 || worst[0] === "You" ? "lose" : "loses"} most`;
    return `Place of the first film on each list: ${text}.${standings.length > 1 ? ` ${loses}.` : ""}`;
  }

  /**
   * The genre of most films; the first of the alphabet where there are several.
   * @param {number[]} order
   */
  function commonGenre(order) {
    const number = data.genres.map(
      (_, n) => order.filter((one) => (data.sets[one] >> n) & 1).length,
    );
    const most = Math.max(...number);
    return { most, names: data.genres.filter((_, n) => number[n] === most) };
  }

  function update() {
    const here = friends.filter((friend) => friend.liked.size);
    const absent = friends.filter((friend) => !friend.liked.size).map((friend) => friend.name);
    const left = absent.length ? ` No film yet: ${absent.join(", ")}.` : "";
    if (!here.length) {
      lists.replaceChildren();
      said.textContent = "Tick a film.";
      return;
    }
    if (!guessed) {
      said.textContent = `Ticked: ${here.map((one) => `${one.name} ${one.liked.size}`).join(", ")}.${left}`;
      return;
    }
    const { standings, rules } = choose(model.value, here);
    const ofAll = Object.entries(rules).map(([rule, order]) => {
      const section = card(rule, order);
      section.append(
        order.length ? make("p", {}, losers(order[0], standings)) : "No film is left.",
      );
      return section;
    });
    for (const one of standings) one.card ??= card(one.friend.name, one.order, one.friend);
    lists.replaceChildren(
      make("h3", {}, "For all"),
      make("div", { class: "mn-cards" }, ...ofAll),
      make("h3", {}, "For each"),
      make("p", {}, "Open a film to see why it is there."),
      make("div", { class: "mn-cards" }, ...standings.map((one) => one.card ?? "")),
    );
    const now = rules.Average.slice(0, SHOWN);
    const fresh = now.filter((film) => !before.includes(film)).length;
    const moved = before.length
      ? ` ${fresh} of its ${now.length} films are new since the last change.`
      : "";
    const first = now.length ? `By the average: ${nameOf(now[0])}.${moved}` : "No film is left.";
    said.textContent = first + left;
    before = now;
  }

  /** @param {boolean} believes */
  function reveal(believes) {
    const here = friends.filter((friend) => friend.liked.size);
    guessed = here.length > 0;
    update();
    if (!guessed) return;
    const { most, names } = commonGenre(choose(model.value, here).rules.Average.slice(0, SHOWN));
    const right = names.includes(genre.value) ? "You were right. " : `You said ${genre.value}. `;
    const each = names.length > 1 ? " each" : "";
    const of =
      `The commonest genre of the ${SHOWN} films by the average: ` +
      `${names.join(", ")} (${most} films${each}).`;
    verdict.textContent = (believes ? right : "") + of;
  }

  /** @param {HTMLElement} root */
  function start(root) {
    const show = (/** @type {Event} */ event) => {
      event.preventDefault();
      reveal(true);
    };
    const label = (/** @type {string} */ id, /** @type {string} */ text) =>
      make("label", { for: id }, text);
    root.replaceChildren(
      make("h3", {}, "Who is watching?"),
      make(
        "form",
        { submit: addFriend },
        label("mn-name", "Name of a friend"),
        name,
        make("button", {}, "Add"),
      ),
      joined,
      people,
      make("h3", {}, "Which films does each of you like?"),
      make(
        "p",
        {},
        label("mn-search", "Search films by title, year or genre; the best known come first"),
        query,
      ),
      make("div", { class: "mn-cards" }, found, ticked),
      make("h3", {}, "Predict"),
      make(
        "form",
        { submit: show },
        label("mn-guess", "Which genre will most of the group's films have?"),
        genre,
        make("button", { id: "mn-show" }, "Show the lists"),
        make(
          "button",
          { type: "button", id: "mn-skip", click: () => reveal(false) },
          "I would rather not guess",
        ),
      ),
      said,
      verdict,
      make("p", {}, label("mn-model", "Model"), model),
      lists,
    );
    refresh();
  }

  const root = document.getElementById("movie-night");
  if (root) start(root);
  return { foldIn, choose, search, nameOf };
})();
