// A unit's page: its pictures, its numbers, the real images and weights, and the units before and after it.
"use strict";
jaxviz.unit = (() => {
  const { address, curve, element, histogram, load, named, number, pictures, tiles } = jaxviz;
  const { fit } = tiles;
  const LARGE = 448, SMALL = 112, CROP = 84; // CSS pixels

  const section = (title, ...children) => element("section", {}, element("h2", {}, title), ...children);
  const part = (title, ...children) => element("div", { class: "part" }, element("h3", {}, title), ...children);
  const strip = (...items) => element("ul", { class: "strip" }, ...items.map((item) => element("li", {}, item)));
  const figure = (box, text) => element("figure", {}, box, element("figcaption", {}, text));
  const score = (value) => `score ${number(value)}`;

  const status = (network, units, at) => {
    if (units.status) return network.statuses[units.status[at]];
    return units.places[at] === null ? ["dead", "the image never changed, or its score is 0 or NaN"] : null;
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

  // The unit's own picture by every recipe, as links; the one at hand is marked.
  const byRecipe = async (network, swept, unit, query) => {
    const items = [];
    for (const { name } of swept.recipes) {
      const { made, units } = await pictures.album(swept, { recipe: name });
      const at = units.units.indexOf(unit);
      const sheets = units.sheets.positive;
      const box = tiles.picture(made.folder, sheets, units.places[at] ?? null, fit(sheets, SMALL, 3));
      const told = at < 0 ? "not finished" : units.places[at] === null ? "dead" : score(units.scores[at]);
      items.push(element("a", {
        class: "other tile", href: address([swept.name, unit], { ...query, recipe: name === swept.recipes[0].name ? "" : name }),
        "aria-label": `Recipe ${name}, ${told}`, "aria-current": made.name === pictures.recipe(swept, query).name ? "true" : null,
      }, box, element("span", { class: "caption" }, name), element("span", { class: "weight" }, told)));
    }
    return section("By recipe", strip(...items));
  };

  // The end of a long path, so that the number behind it is seen.
  const ending = (name) => (name.length > 18 ? `…${name.slice(-12)}` : name);

  // Tiles of other units, as links; in words where their layer was not swept.
  const others = async (network, list, query) => {
    const items = [];
    for (const [name, unit, weight] of list) {
      const called = named(network, name, unit);
      const label = `${name}:${unit}${called ? ` ${called}` : ""}`;
      const brief = ending(name) + label.slice(name.length);
      const sign = weight >= 0 ? "+" : "";
      const text = element("span", { class: weight >= 0 ? "weight plus" : "weight minus" }, sign + number(weight));
      const swept = network.swept.find((one) => one.name === name);
      const album = swept ? await pictures.album(swept, { recipe: query.recipe }) : null;
      const at = album ? album.units.units.indexOf(unit) : -1;
      if (at < 0) {
        items.push(element("span", { class: "other" }, element("span", { class: "caption", title: label }, brief), text));
        continue;
      }
      const { made, units } = album;
      const sheets = units.sheets.positive;
      const box = tiles.picture(made.folder, sheets, units.places[at], fit(sheets, SMALL, 3));
      const what = units.places[at] === null ? `${label} dead` : label;
      items.push(element("a", {
        class: "other tile", href: address([name, unit], { recipe: query.recipe }), "aria-label": `${what}, weight ${sign}${number(weight)}`,
      }, box, element("span", { class: "caption", title: what }, what.replace(label, brief)), text));
    }
    return strip(...items);
  };

  // Weights of both signs, each in a list of its own.
  const weights = async (network, list, query) => {
    const parts = [];
    for (const [title, wanted] of [["Positive", (weight) => weight >= 0], ["Negative", (weight) => weight < 0]]) {
      const some = list.filter(([, , weight]) => wanted(weight));
      parts.push(part(title, some.length ? await others(network, some, query) : element("p", { class: "meta" }, "none among the strongest")));
    }
    return parts;
  };

  const images = (made, sheets, list, title) => strip(...list.map(([place, value], at) => figure(
    tiles.picture(made.folder, sheets, place, fit(sheets, SMALL, 3), `${title} ${at + 1}`),
    place === null ? "no picture" : score(value))));

  const className = (network, label) => {
    if (label === null || label === undefined) return null;
    return (network.classes.names[label] ?? `class ${label}`).split(", ")[0];
  };

  // Real images: each whole, with the receptive field marked, and the field's part beside it.
  const real = (network, swept, shared, list, unit, title) => strip(...list.map(([place, value, label, box], row) => {
    const sheets = shared.sheets.real;
    const name = `${title} ${row + 1}`;
    const width = fit(sheets, SMALL, box ? 4 : 3);
    const whole = element("span", { class: "whole" }, tiles.picture(swept.folder, sheets, place, width, name));
    const made = element("span", { class: "pair" }, whole);
    if (box) {
      const [top, left, bottom, right] = box;
      const mark = element("span", { class: "field", "aria-hidden": "true" });
      Object.assign(mark.style, { top: `${100 * top}%`, left: `${100 * left}%`,
        height: `${100 * (bottom - top)}%`, width: `${100 * (right - left)}%` });
      whole.append(mark);
      const crops = shared.sheets.crops;
      made.append(tiles.picture(swept.folder, crops, unit * list.length + row, fit(crops, CROP, 4), `${name}: receptive field`));
    }
    return figure(made, [className(network, label), number(value)].filter(Boolean).join(" · "));
  }));

  const realImages = (network, swept, shared, about, unit) => {
    const fields = about.real[0]?.length > 3
      ? "Beside each image: the receptive field of the position with the largest activation. Grey is outside the image."
      : "The receptive field of this unit is the whole image.";
    return [
      section("Real images with the largest activation", element("p", { class: "about" }, fields),
        real(network, swept, shared, about.real, unit, "Real image")),
      section("Real images with the smallest activation",
        element("p", { class: "about" }, "Compared before the activation function, where the layer has one."),
        real(network, swept, shared, about.least, unit, "Real image of small activation")),
    ];
  };

  const code = (text, label) => {
    const shown = element("code", {}, text);
    const copy = element("button", { type: "button", class: "plain", "aria-label": `Copy the ${label.toLowerCase()}` }, "Copy");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(text);
      } catch { // not allowed here: mark it, so that one key copies it
        getSelection().selectAllChildren(shown);
        document.execCommand("copy");
      }
      copy.textContent = "Copied";
      jaxviz.say("Copied");
    });
    return element("div", { class: "command" }, element("pre", { tabindex: "0", "aria-label": label }, shown), copy);
  };

  // A network that came from no file has no command; a call in Python does it where the reader has the network.
  const again = (network, made, details) => {
    const ways = [];
    if (details.command) ways.push(code(details.command, "Command"));
    if (details.call) {
      ways.push(element("p", { class: "about" }, "In Python, with the network as model:"), code(details.call, "Call"));
    }
    return section(ways.length ? "Make this picture again" : "How it was made", ...ways, jaxviz.network.how(network, made.name));
  };

  const head = (network, album, at, order, query) => {
    const { swept, units } = album;
    const here = order.indexOf(at);
    const beside = (row, rel, text) => (row === undefined ? null : element("a", {
      href: address([swept.name, units.units[row]], query), rel, class: "plain",
      "aria-label": `${text} unit: ${swept.name}:${units.units[row]}`,
    }, rel === "prev" ? "←" : "→"));
    const found = status(network, units, at);
    const called = named(network, swept.name, units.units[at]);
    return element("header", { class: "head" },
      element("div", {}, element("h1", { tabindex: "-1" }, `${swept.name}:${units.units[at]}`),
        element("p", { class: "summary" }, [called, found ? `${found[0]}: ${found[1]}` : swept.kind].filter(Boolean).join(" · "))),
      element("nav", { "aria-label": "Neighbouring units", class: "beside" },
        beside(order[here - 1], "prev", "Previous"), beside(order[here + 1], "next", "Next")));
  };

  const script = (folder, name, row, together) =>
    load(`${folder}/${name}-${String(Math.floor(row / together)).padStart(3, "0")}`).then((found) => found[row % together]);

  const page = async (main, network, album, unit, query) => {
    const { swept, made, units, shared } = album;
    const at = units.units.indexOf(unit);
    let order = jaxviz.layer.order(network, album, query);
    if (!order.includes(at)) order = units.units.map((_, row) => row);
    jaxviz.layer.view(swept.name).unit = unit;
    const [details, about] = await Promise.all([
      script(made.folder, "details", at, network.together), script(swept.folder, "about", unit, network.together)]);
    const sheet = (kind) => units.sheets[`${kind}-full`] ?? units.sheets[kind];
    const sheets = sheet("positive");
    const large = figure(
      tiles.picture(made.folder, sheets, units.places[at], fit(sheets, LARGE), `Picture of ${swept.name}:${unit} by recipe ${made.name}`),
      units.places[at] === null ? "dead: there is no picture" : score(details.final));
    const kinds = [["restarts", "Restarts", "The last image of each restart; the best one is shown above."],
      ["diversity", "Diversity", "Different images that maximize the unit together. They share one score, which includes the penalty for likeness."],
      ["negative", "Negative", "The image that minimizes the unit, before its activation function; the score is of the negated activation."]]
      .filter(([name]) => details[name]?.some(([place]) => place !== null))
      .map(([name, title, meaning]) => section(title, element("p", { class: "about" }, meaning),
        images(made, sheet(name), details[name], title)));
    const [reached, largest] = [units.numbers.reached[at], units.numbers.largest?.[at]];
    const film = jaxviz.film.shown(swept, shared.film, unit);
    const left = [large, ...(film ? [film.section] : []), ...(swept.recipes.length > 1 ? [await byRecipe(network, swept, unit, query)] : []), ...kinds];
    const right = [
      section("Numbers", reached > 0 && largest > 0 ? bars(reached, largest) : null, numbers(network, units, at)),
      ...(about.counts ? [section("Activation on the real images",
        histogram(about.counts, about.range, units.places[at] === null ? null : reached))] : []),
      section("Score by step", curve(details.steps, details.scores)),
    ];
    const circuit = await jaxviz.circuit.shown(network, swept.name, unit, about, query);
    const shown = [
      head(network, album, at, order, query),
      element("div", { class: "unit" }, element("div", { class: "pictures" }, ...left), element("div", { class: "told" }, ...right)),
      ...(about.real ? realImages(network, swept, shared, about, unit) : []),
    ];
    if (circuit) shown.push(circuit);
    if (about.strongest?.length) {
      const list = about.strongest.map(([channel, weight]) => [swept.reads, channel, weight]);
      shown.push(section(`Strongest weights from ${swept.reads}`, ...await weights(network, list, query)));
    }
    if (about.readers) {
      shown.push(section("Units of later layers with a strong weight from this unit", ...await weights(network, about.readers, query)));
    }
    shown.push(again(network, made, details));
    return {
      show: () => main.append(...shown),
      beside: (step) => {
        const row = order[order.indexOf(at) + step];
        if (row !== undefined) location.hash = address([swept.name, units.units[row]], query);
      },
      leave: () => film?.leave(),
    };
  };

  return { page };
})();
