// A unit's page: its images, its numbers, and the units before and after it.
"use strict";
jaxviz.unit = (() => {
  const { address, curve, element, load, number, tiles } = jaxviz;
  const LARGE = 448, SMALL = 112; // CSS pixels

  const section = (title, ...children) => {
    const heading = element("h2", {}, title);
    return element("section", {}, heading, ...children);
  };
  const strip = (...items) => element("ul", { class: "strip" }, ...items.map((item) => element("li", {}, item)));
  const figure = (box, text) => element("figure", {}, box, element("figcaption", {}, text));

  // The largest width that shows whole pixels, at most so wide and no wider than the window; or a third of it.
  const fit = (sheets, most, abreast = 1) => {
    const window = document.documentElement.clientWidth - 32;
    const room = Math.min(most, Math.floor((window - (abreast - 1) * 16) / abreast));
    const native = sheets ? sheets.width : room;
    return native <= room ? Math.floor(room / native) * native : room;
  };

  const status = (network, units, at) => {
    if (units.status) return network.statuses[units.status[at]];
    return units.places[at] === null ? ["dead", "the image never moved, or its score is 0 or not a number"] : null;
  };

  const bars = (reached, largest) => {
    const most = Math.max(reached, largest);
    const bar = (value, text, kind) => element("div", { class: "bar-row" }, element("span", {}, text),
      element("span", { class: `bar-line ${kind}` }), element("span", { class: "value" }, number(value)));
    const made = element("div", { class: "bars" },
      bar(reached, "This picture", "ours"), bar(largest, "Best real image", "real"));
    made.querySelectorAll(".bar-line").forEach((line, place) => {
      line.style.setProperty("--part", `${Math.max(0, (100 * [reached, largest][place]) / most)}%`);
    });
    return made;
  };

  const numbers = (network, units, at) => {
    const rows = [];
    for (const [name, heading, meaning] of network.columns) {
      const value = units.numbers[name]?.[at];
      if (value !== null && value !== undefined) rows.push([heading, value, meaning]);
    }
    for (const [name, values] of Object.entries(units.numbers)) {
      if (name.startsWith("judge ") && values[at] !== null) {
        rows.push([name.slice(6), values[at], `the class that ${name.slice(6)} reads`]);
      }
    }
    return element("table", { class: "numbers" }, element("caption", { class: "unseen" }, "Numbers of this unit"),
      element("tbody", {}, ...rows.map(([heading, value, meaning]) => element("tr", {},
        element("th", { scope: "row" }, heading), element("td", {}, number(value)), element("td", {}, meaning)))));
  };

  // Tiles of other units, as links; in words where their layer was not swept.
  const others = async (network, list) => {
    const items = [];
    for (const [name, unit, weight] of list) {
      const label = `${name}:${unit}`;
      const sign = weight >= 0 ? "+" : "";
      const text = element("span", { class: weight >= 0 ? "weight plus" : "weight minus" }, sign + number(weight));
      const swept = network.swept.find((one) => one.name === name);
      const units = swept ? await load(`${swept.folder}/units`) : null;
      const at = units ? units.units.indexOf(unit) : -1;
      if (at < 0) {
        items.push(element("span", { class: "other" }, element("span", { class: "caption" }, label), text));
        continue;
      }
      const box = tiles.picture(swept.folder, units.sheets.wall, units.places[at], fit(units.sheets.wall, SMALL, 3));
      const what = units.places[at] === null ? `${label} dead` : label;
      items.push(element("a", { class: "other tile", href: address(name, unit), "aria-label": `${what}, weight ${sign}${number(weight)}` },
        box, element("span", { class: "caption" }, what), text));
    }
    return strip(...items);
  };

  // Only restarts were scored by what the unit's own picture was: of the others each climbed something else.
  const images = (swept, sheets, list, name, title) => strip(...list.map(([place, score], at) => figure(
    tiles.picture(swept.folder, sheets, place, fit(sheets, SMALL, 3), `${title} ${at + 1}`),
    place === null ? "no picture" : name === "restarts" ? number(score) : "")));

  const again = (command) => {
    if (!command) return null;
    const code = element("code", {}, command);
    const copy = element("button", { type: "button", class: "plain" }, "Copy");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(command);
      } catch { // not allowed here: mark it, so that one key copies it
        getSelection().selectAllChildren(code);
        document.execCommand("copy");
      }
      copy.textContent = "Copied";
      jaxviz.say("Copied");
    });
    return element("div", { class: "command" }, element("pre", { tabindex: "0", "aria-label": "Command" }, code), copy);
  };

  const head = (network, swept, units, at, order) => {
    const here = order.indexOf(at);
    const beside = (row, rel, text) => (row === undefined ? null : element("a", {
      href: address(swept.name, units.units[row]), rel, class: "plain",
      "aria-label": `${text} unit: ${swept.name}:${units.units[row]}`,
    }, rel === "prev" ? "←" : "→"));
    const found = status(network, units, at);
    return element("header", { class: "head" },
      element("div", {}, element("h1", { tabindex: "-1" }, `${swept.name}:${units.units[at]}`),
        element("p", { class: "summary" }, found ? `${found[0]}: ${found[1]}` : swept.kind)),
      element("nav", { "aria-label": "Units beside it", class: "beside" },
        beside(order[here - 1], "prev", "Previous"), beside(order[here + 1], "next", "Next")));
  };

  const page = async (main, network, swept, units, unit) => {
    const at = units.units.indexOf(unit);
    let order = jaxviz.layer.order(units, jaxviz.layer.view(swept.name));
    if (!order.includes(at)) order = units.units.map((_, row) => row);
    jaxviz.layer.view(swept.name).unit = unit;
    const details = (await load(`${swept.folder}/details-${String(Math.floor(at / network.together)).padStart(3, "0")}`))[
      at % network.together];
    const sheets = units.sheets.pictures ?? units.sheets.wall;
    const large = figure(
      tiles.picture(swept.folder, sheets, units.places[at], fit(sheets, LARGE), `What ${swept.name}:${unit} answers to`),
      units.places[at] === null ? "dead: there is no picture" : `score ${number(details.final)}`);
    const [reached, largest] = [units.numbers.reached[at], units.numbers.largest?.[at]];
    const pictures = [["restarts", "Restarts"], ["diversity", "Images of it that differ"], ["negative", "What silences it"]]
      .filter(([name]) => details[name]?.some(([place]) => place !== null))
      .map(([name, title]) => section(title, images(swept, units.sheets[name], details[name], name, title)));
    const made = [
      head(network, swept, units, at, order),
      element("div", { class: "unit" }, element("div", { class: "pictures" }, large, ...pictures),
        element("div", { class: "told" },
          section("How far it came", reached > 0 && largest > 0 ? bars(reached, largest) : null, numbers(network, units, at)),
          section("How it climbed", curve(details.steps, details.scores)))),
    ];
    if (details.real) {
      made.push(section("Real images that excite it most", strip(...details.real.map(([place, value], row) => figure(
        tiles.picture(swept.folder, units.sheets.real, place, fit(units.sheets.real, SMALL, 3), `Real image ${row + 1}`),
        number(value))))));
    }
    if (details.strongest?.length) {
      const list = details.strongest.map(([channel, weight]) => [swept.reads, channel, weight]);
      made.push(section(`Strongest weights, from ${swept.reads}`, await others(network, list)));
    }
    if (details.readers) {
      made.push(section("Units that weigh it among their strongest", await others(network, details.readers)));
    }
    made.push(section("Make it again", again(details.command || network.command), jaxviz.network.how(network)));
    return {
      show: () => main.append(...made),
      beside: (step) => {
        const row = order[order.indexOf(at) + step];
        if (row !== undefined) location.hash = address(swept.name, units.units[row]);
      },
      leave: () => {},
    };
  };

  return { page };
})();
