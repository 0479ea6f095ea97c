// @ts-check
// The temperature: one user's scores, the shares that the softmax makes of them, and the push.
"use strict";

{
  const names = ["Alien", "Brazil", "Casablanca", "Dumbo", "Fargo", "Heat", "Jaws", "Amadeus"];
  const cosines = [0.8, 0.6, 0.5, 0.3, 0.2, 0, -0.2, -0.4];
  let mine = 0; // the user's film; the others are negatives

  /**
   * The shares (10.5), with the highest score taken off first, so that exp cannot overflow.
   * @param {number[]} scores
   * @param {number} temperature
   */
  function softmax(scores, temperature) {
    const top = Math.max(...scores);
    const raised = scores.map((score) => Math.exp((score - top) / temperature));
    const total = raised.reduce((sum, one) => sum + one, 0);
    return raised.map((one) => one / total);
  }

  /**
   * Which negative gets the largest part of the push on negatives, and how much of it.
   * @param {number} temperature
   */
  function hardest(temperature) {
    const others = names.map((_, j) => j).filter((j) => j !== mine);
    const parts = softmax(
      others.map((j) => cosines[j]),
      temperature,
    );
    const most = Math.max(...parts);
    return { film: names[others[parts.indexOf(most)]], part: most };
  }

  const range = { min: 0.05, max: 1, step: 0.01, value: 1 };
  const heat = slider("play-temperature-slider", "Temperature τ", range, update);
  const summary = make("p", { role: "status", id: "play-summary" });
  const table = tableOf(
    "play-shares",
    "Alien is the film that the user has",
    ["film", "has", "cosine", "share p", "push"],
    names,
  );
  const rows = names.map((name, j) => {
    const has = make("input", {
      type: "radio",
      name: "play-mine",
      "aria-label": `The user has ${name}`,
      checked: j === mine,
      change: () => {
        mine = j;
        update();
      },
    });
    const score = make("input", {
      type: "range",
      "aria-label": `Cosine of ${name}`,
      ...{ min: -1, max: 1, step: 0.05, value: cosines[j] },
      input: () => {
        cosines[j] = Number(score.value);
        update();
      },
    });
    const output = make("output");
    table.cells[j][0].append(has);
    table.cells[j][1].append(score, output);
    return output;
  });
  const chart = drawing("play-bars", "Shares of the films, and the push on each", 340, 262);
  const heads = [
    ["share p", 92, "start"],
    ["pulled up", 241, "end"],
    ["pushed down", 249, "start"],
  ];
  chart.svg.append(
    ...heads.map(([text, x, anchor]) =>
      draw(
        "text",
        { x, y: 14, "text-anchor": anchor, class: "play-label play-small" },
        String(text),
      ),
    ),
    draw("path", { d: "M92 22V258M245 22V258", class: "play-axis" }),
  );
  const bars = names.map((name, j) => {
    const y = 26 + 29 * j;
    const share = draw("rect", { x: 92, y, height: 20, class: "play-bar" });
    const push = draw("rect", { y, height: 20, class: "play-bar" });
    const label = draw(
      "text",
      { x: 85, y: y + 15, "text-anchor": "end", class: "play-label" },
      name,
    );
    chart.svg.append(label, share, push);
    return { share, push };
  });

  /** Show what now is. */
  function update() {
    const temperature = Number(heat.input.value);
    const share = softmax(cosines, temperature);
    const push = share.map((p, j) => p - Number(j === mine)); // (10.4)
    heat.output.textContent = temperature.toFixed(2);
    table.title.textContent = `${names[mine]} is the film that the user has`;
    names.forEach((_, j) => {
      rows[j].textContent = withMinus(cosines[j].toFixed(2));
      table.cells[j][2].textContent = share[j].toFixed(3);
      table.cells[j][3].textContent = (push[j] > 0 ? "+" : "") + withMinus(push[j].toFixed(3));
      bars[j].share.setAttribute("width", String(90 * share[j]));
      const [x, width] = [245 + 75 * Math.min(push[j], 0), 75 * Math.abs(push[j])];
      fill(
        bars[j].push,
        { x, width, class: `play-bar ${push[j] < 0 ? "play-up" : "play-down"}` },
        [],
      );
    });
    const { film, part } = hardest(temperature);
    summary.textContent =
      `τ = ${temperature.toFixed(2)}: ${names[mine]} has a share of ${share[mine].toFixed(3)}, the loss is ` +
      `${Math.abs(Math.log(share[mine])).toFixed(3)}. Of the push on the other films ${(100 * part).toFixed(1)}\u00a0% falls on ${film}.`;
    chart.description.textContent = names
      .map(
        (name, j) =>
          `${name}: share ${share[j].toFixed(3)}, ${push[j] < 0 ? "pulled up" : "pushed down"} by ${Math.abs(push[j]).toFixed(3)}`,
      )
      .join("; ");
  }

  const question =
    "The user has Alien, at a cosine of 0.8. The seven other films are at 0.6, 0.5, 0.3, 0.2, 0, " +
    "−0.2 and −0.4. At a temperature of 1 Brazil, the highest of them, gets 21\u00a0% of the push on " +
    "the seven. How many per cent does it get at 0.1?";
  const answer = `${(100 * hardest(0.1).part).toFixed(1)}\u00a0%`;
  const why = "Lower the temperature and watch the push gather on the films that score highest.";
  const how = "Turn the temperature, move the cosines, and choose which film is the user's.";
  update();
  const parts = [heat.row, summary, chart.svg, table.table];
  believeFirst(placeOf("play-temperature"), { question, answer, why, how }, parts, chart.svg);
}
