// @ts-check
// Propagation on the toy graph: who hears whom, and how all lists become the same.
"use strict";

{
  const users = ["Ann", "Bob", "Cem"];
  const films = ["Alien", "Brazil", "Casablanca", "Dumbo"];
  const names = [...users, ...films];
  const start = [
    [2, -1],
    [1, 1],
    [-1, 2],
    [2, -1],
    [1, 1],
    [0, 2],
    [-1, 1],
  ]; // chapter 2's
  const liked = [
    [1, 1, 0, 0],
    [0, 1, 1, 0],
    [0, 0, 1, 1],
  ].map((row) => row.map(Boolean));
  const most = 20;
  const shades = ["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838", "#fff7c0"];

  /** The weight 1/sqrt(d_u d_i) of each edge, 0 where there is none. */
  function weights() {
    const ofUser = liked.map((row) => row.filter(Boolean).length);
    const ofFilm = films.map((_, i) => liked.filter((row) => row[i]).length);
    return liked.map((row, u) =>
      row.map((on, i) => (on ? 1 / Math.sqrt(ofUser[u] * ofFilm[i]) : 0)),
    );
  }

  /**
   * One propagation, (7.1): each node gets the weighted sum of its neighbours' numbers.
   * @param {number[][]} weight
   * @param {number[][]} x
   */
  function propagate(weight, x) {
    const next = x.map((row) => row.map(() => 0));
    weight.forEach((row, u) =>
      row.forEach((w, i) => {
        const film = users.length + i;
        for (const m of [0, 1]) {
          next[film][m] += w * x[u][m];
          next[u][m] += w * x[film][m];
        }
      }),
    );
    return next;
  }

  /**
   * All nodes' numbers after K propagations: the last layer, or the mean of all, (7.3).
   * @param {number} layers
   * @param {boolean} mean
   */
  function embed(layers, mean) {
    const weight = weights();
    let x = start;
    let total = x;
    for (let k = 0; k < layers; k += 1) {
      const next = propagate(weight, x);
      total = total.map((row, v) => row.map((sum, m) => sum + next[v][m]));
      x = next;
    }
    return mean ? total.map((row) => row.map((sum) => sum / (layers + 1))) : x;
  }

  /**
   * How many edges each node is away from one.
   * @param {number} from
   */
  function hops(from) {
    const away = names.map((_, v) => (v === from ? 0 : Infinity));
    for (let hop = 0; hop < names.length; hop += 1) {
      liked.forEach((row, u) =>
        row.forEach((on, i) => {
          const film = users.length + i;
          if (on && away[u] === hop) away[film] = Math.min(away[film], hop + 1);
          if (on && away[film] === hop) away[u] = Math.min(away[u], hop + 1);
        }),
      );
    }
    return away;
  }

  /** @param {number[]} a @param {number[]} b */
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1];

  /**
   * The mean cosine of two different rows; rows of zeros are left out, as in chapter 5.
   * @param {number[][]} rows
   */
  function meanCosine(rows) {
    const kept = rows.filter((row) => dot(row, row) > 0);
    const cosines = kept.flatMap((a, n) =>
      kept.slice(n + 1).map((b) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))),
    );
    return cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length;
  }

  /**
   * Positions from the highest score down, equal ones (to nine decimals) by position, as recbook
   * has it; none where all are equal.
   * @param {number[]} scores
   */
  function order(scores) {
    const rounded = scores.map((score) => Math.round(score * 1e9));
    if (rounded.every((score) => score === rounded[0])) return [];
    return films.map((_, i) => i).sort((i, j) => rounded[j] - rounded[i] || i - j);
  }

  /** @param {number[][]} x */
  const scoresOf = (x) => x.slice(0, 3).map((user) => x.slice(3).map((film) => dot(user, film)));

  /** @param {number[][]} x */
  const different = (x) => new Set(scoresOf(x).map((row) => order(row).join())).size;

  /** @param {number} value */
  const shown = (value) =>
    Number.isNaN(value) ? "–" : withMinus(value.toFixed(3).replace(/^-(0\.0+)$/, "$1"));

  /**
   * Which nodes are within K edges of one, in words.
   * @param {number[]} away
   * @param {number} k
   * @param {string} from
   */
  function inWords(away, k, from) {
    const rings = Array.from({ length: k }, (_, n) => names.filter((__, v) => away[v] === n + 1));
    const told = rings.map((ring, n) => `at ${n + 1}: ${ring.join(" and ")}`);
    const reached = told.filter((_, n) => rings[n].length).join("; ") || "none";
    return `Within ${k} edges of ${from}: ${reached}.`;
  }

  // The controls.
  const range = { min: 0, max: most, step: 1, value: 0 };
  const layers = slider("play-k", "Propagations K", range, update);
  const turn = make("button", { type: "button", click: run }, "Turn K from 0 to 20");
  turn.hidden = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const choices = names.map((name, v) => make("option", { value: v }, name));
  const listener = make("select", { id: "play-listener", change: update }, ...choices);
  const [last, mean] = ["play-last", "play-mean"].map((id) =>
    make("input", { type: "radio", name: "play-layer", id, change: update }),
  );
  last.checked = true;
  const made = make(
    "fieldset",
    {},
    make("legend", {}, "Scores are made of"),
    make("label", {}, last, " the last layer"),
    make("label", {}, mean, " the mean of layers 0 to K (LightGCN)"),
  );
  const who = make("p", {}, make("label", { for: "play-listener" }, "Who listens? "), listener);
  const summary = make("p", { role: "status", id: "play-summary" });

  // Who liked what: boxes for the keyboard, and the graph for mouse and finger.
  const likes = tableOf("play-likes", "Edges, with their weights", ["user", ...films], users);
  const boxes = liked.map((row, u) =>
    row.map((on, i) => {
      const label = `${users[u]} likes ${films[i]}`;
      const change = () => toggle(u, i);
      const box = make("input", { type: "checkbox", "aria-label": label, checked: on, change });
      const weight = make("span");
      likes.cells[u][i].append(box, weight);
      return { box, weight };
    }),
  );
  const graph = drawing("play-graph", "The graph: users left, films right", 340, 250);
  const place = names.map((_, v) => (v < 3 ? [110, 45 + 80 * v] : [225, 30 + 63 * (v - 3)]));
  const lines = liked.map((row, u) =>
    row.map((_, i) => {
      const [[x1, y1], [x2, y2]] = [place[u], place[3 + i]];
      const click = () => toggle(u, i);
      const line = draw("line", { x1, y1, x2, y2, class: "play-edge" });
      const wide = draw("line", { x1, y1, x2, y2, class: "play-edge-wide", click });
      const both = draw("g", { "data-edge": `${u}-${i}` }, line, wide);
      graph.svg.append(both);
      return both;
    }),
  );
  const drawn = draw("line", { class: "play-edge play-drawn", visibility: "hidden" });
  graph.svg.append(drawn);
  const dots = names.map((name, v) => {
    const [x, y] = place[v];
    const isUser = v < 3;
    const shape = isUser
      ? draw("circle", { r: 15, cx: x, cy: y })
      : draw("rect", { width: 28, height: 28, x: x - 14, y: y - 14 });
    const hop = draw("text", { x, y: y + 5, "text-anchor": "middle", class: "play-hop" });
    const side = { x: x + (isUser ? -22 : 22), y: y + 5, "text-anchor": isUser ? "end" : "start" };
    const label = draw("text", { ...side, class: "play-label" }, name);
    const pointerdown = (/** @type {PointerEvent} */ event) => pull(event, v);
    graph.svg.append(
      draw("g", { "data-node": v, class: "play-node", pointerdown }, shape, hop, label),
    );
    return { shape, hop };
  });

  // The numbers of all nodes as points of a plane, their scores and their lists.
  const plane = drawing("play-plane", "The numbers of all nodes as points", 260, 250);
  plane.svg.append(
    draw("path", { d: "M10 125H250M130 10V240", class: "play-axis" }),
    draw("text", { x: 256, y: 244, "text-anchor": "end", class: "play-label" }, "space →"),
    draw("text", { x: 4, y: 16, class: "play-label" }, "songs ↑"),
  );
  const tips = names.map((name, v) => {
    const ray = draw("line", { x1: 130, y1: 125, class: "play-ray" });
    const width = 8 + 6.4 * name.length;
    const y = v < 3 ? -18 : 0; // users above their points, films below: some share one
    const box = { width, height: 18, x: -width / 2, y, rx: v < 3 ? 9 : 0 };
    const label = draw("text", { y: y + 13, "text-anchor": "middle" }, name);
    const tip = draw("g", { class: v < 3 ? "play-user" : "play-film" }, draw("rect", box), label);
    plane.svg.append(ray);
    return { ray, tip };
  });
  plane.svg.append(...tips.map(({ tip }) => tip));
  const embeddings = tableOf(
    "play-embeddings",
    "",
    ["node", "edges away", "space", "songs"],
    names,
  );
  const scores = tableOf("play-scores", "Scores", ["user", ...films], users);
  const lists = tableOf("play-lists", "Lists, best film first; ✓: liked", ["user", "list"], users);

  /** @param {number} u @param {number} i */
  function toggle(u, i) {
    liked[u][i] = !liked[u][i];
    update();
  }

  /**
   * Pull a line from a node: to a node of the other kind it draws or removes an edge, and a click
   * makes the node listen.
   * @param {PointerEvent} event
   * @param {number} from
   */
  function pull(event, from) {
    event.preventDefault();
    const [x1, y1] = place[from];
    const move = (/** @type {PointerEvent} */ to) => {
      const box = graph.svg.getBoundingClientRect();
      const scale = 340 / box.width;
      const end = { x2: (to.clientX - box.left) * scale, y2: (to.clientY - box.top) * scale };
      fill(drawn, { x1, y1, ...end, visibility: "visible" }, []);
    };
    follow(move, (up) => {
      drawn.setAttribute("visibility", "hidden");
      const there = up && document.elementFromPoint(up.clientX, up.clientY)?.closest("[data-node]");
      if (!there) return;
      const to = Number(there.getAttribute("data-node"));
      const [user, film] = [Math.min(from, to), Math.max(from, to)];
      if (to === from) listener.value = String(to);
      if (user < 3 && film >= 3) liked[user][film - 3] = !liked[user][film - 3];
      update();
    });
  }

  let clock = 0;

  /** Turn K by itself, or stop. */
  function run() {
    if (clock) return stopRun();
    layers.input.value = "0";
    turn.textContent = "Stop";
    summary.setAttribute("aria-live", "off"); // nobody can listen to two sentences a second
    clock = setInterval(() => {
      layers.input.value = String(Number(layers.input.value) + 1);
      if (Number(layers.input.value) >= most) stopRun();
      update();
    }, 600);
    update();
  }

  function stopRun() {
    clearInterval(clock);
    clock = 0;
    turn.textContent = "Turn K from 0 to 20";
    summary.removeAttribute("aria-live");
  }

  /** Show what now is. */
  function update() {
    const k = Number(layers.input.value);
    const from = Number(listener.value);
    layers.output.textContent = String(k);
    const weight = weights();
    const away = hops(from);
    const x = embed(k, mean.checked);
    const alone = away.filter(Number.isFinite).length === 1;
    // The last layer has what came on walks of K edges: of every second ring.
    const heard = away.map(
      (hop) => hop <= k && (mean.checked || ((k - hop) % 2 === 0 && !(alone && k))),
    );

    boxes.forEach((row, u) =>
      row.forEach(({ box, weight: text }, i) => {
        box.checked = liked[u][i];
        text.textContent = liked[u][i] ? weight[u][i].toFixed(3) : "";
        lines[u][i].setAttribute("visibility", liked[u][i] ? "visible" : "hidden");
      }),
    );
    dots.forEach(({ shape, hop }, v) => {
      const near = away[v] <= k;
      fill(
        shape,
        { class: heard[v] ? "play-heard" : "", style: near ? `fill: ${shades[away[v]]}` : "" },
        [],
      );
      fill(hop, { style: near ? `fill: ${away[v] > 2 ? "#000" : "#fff"}` : "" }, []);
      hop.textContent = near ? String(away[v]) : "";
    });
    const longest = Math.max(...x.map((row) => Math.hypot(...row))) || 1;
    tips.forEach(({ ray, tip }, v) => {
      const [right, down] = [130 + (95 * x[v][0]) / longest, 125 - (95 * x[v][1]) / longest];
      fill(ray, { x2: right, y2: down }, []);
      tip.setAttribute("transform", `translate(${right} ${down})`);
      const far = Number.isFinite(away[v]) ? String(away[v]) : "no path";
      [far, shown(x[v][0]), shown(x[v][1])].forEach((text, n) => {
        embeddings.cells[v][n].textContent = text;
      });
    });
    embeddings.title.textContent = `Each node's numbers at K = ${k}, and how far it is from ${names[from]}`;
    scoresOf(x).forEach((row, u) => {
      row.forEach((score, i) => {
        scores.cells[u][i].textContent = shown(score);
      });
      const list = order(row).map((i) => films[i] + (liked[u][i] ? " ✓" : ""));
      lists.cells[u][0].textContent = list.join(", ") || "none: all scores are equal";
    });
    const [ofUsers, ofFilms] = [meanCosine(x.slice(0, 3)), meanCosine(x.slice(3))].map(shown);
    const kinds = different(x);
    const rings = names
      .map((_, v) => v)
      .filter((v) => heard[v])
      .sort((v, w) => away[v] - away[w]);
    const whom = rings.map((v) => names[v]).join(", ") || "nobody";
    summary.textContent =
      `K = ${k}: ${kinds === 1 ? "all three lists are the same" : `${kinds} different lists`}. ` +
      `Mean cosine of two users ${ofUsers}, of two films ${ofFilms}. ${names[from]} hears: ${whom}.`;
    graph.description.textContent = inWords(away, k, names[from]);
    plane.description.textContent = `Users point the same way where their cosine, ${ofUsers}, is 1; films: ${ofFilms}.`;
  }

  const counts = Array.from({ length: most + 1 }, (_, k) => different(embed(k, false)));
  const question =
    "Take the last layer. For which number of propagations are the three lists the same for the " +
    "first time?";
  const answer = String(counts.indexOf(1));
  const why =
    "Turn K and watch users and films come to lie on two rays; then take the mean of the layers.";
  const how =
    "Turn K, the number of propagations. Pull a line from a user to a film to draw an edge, click on " +
    "an edge to remove it, or use the boxes below the graph. Click on a node, or choose its name, to " +
    "make it listen: nodes within K edges of it are coloured, the nearer the darker, and those that " +
    "it hears have a thick border.";
  update();
  const drawings = make("div", { class: "play-pair" }, graph.svg, plane.svg);
  const parts = [
    ...[layers.row, turn, made, who, summary, drawings],
    make("div", { class: "play-pair" }, likes.table, lists.table),
    make("div", { class: "play-pair" }, scores.table, embeddings.table),
  ];
  believeFirst(placeOf("play-propagation"), { question, answer, why, how }, parts, drawings);
}
