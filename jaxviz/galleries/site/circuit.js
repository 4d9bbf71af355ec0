// A circuit: a unit between the units that act on it and those that it acts on, with lines as wide as the weights.
"use strict";
jaxviz.circuit = (() => {
  const { address, drawn, element, named, number, pictures, tiles } = jaxviz;
  const SIDE = 72, STEP = 112, WIDEST = 9; // CSS pixels: a picture, from one picture to the next, the widest line

  // The units of a column, those that excite first: [unit, weight].
  const listed = (side) => (side ? [...side.excites.slice(0, 3), ...side.inhibits.slice(0, 3)] : []);

  const tile = async (network, layer, unit, weight, query, text) => {
    const called = [`${layer}:${unit}`, named(network, layer, unit)].filter(Boolean).join(" ");
    const { made, units } = await pictures.album(network.swept.find((one) => one.name === layer), { recipe: query.recipe });
    const at = units.units.indexOf(unit);
    const sheets = units.sheets.positive;
    const box = tiles.picture(made.folder, sheets, units.places[at] ?? null, SIDE);
    const caption = element("span", { class: "caption" }, String(unit),
      weight === null ? null : element("span", { class: weight > 0 ? "weight plus" : "weight minus" }, ` ${weight > 0 ? "+" : ""}${number(weight)}`));
    if (at < 0 || weight === null) return element("span", { class: "other", "aria-current": weight === null ? "true" : null }, box, caption);
    return element("a", { class: "other tile", href: address([layer, unit], { recipe: query.recipe }),
      "aria-label": `${called}, ${text} by ${number(Math.abs(weight))}` }, box, caption);
  };

  const column = async (network, side, query, words, height) => {
    const list = listed(side);
    const items = await Promise.all(list.map(([unit, weight]) =>
      tile(network, side.layer, unit, weight, query, weight > 0 ? words[0] : words[1])));
    const made = element("ul", { class: "column", "aria-label": `${words[2]}: ${side.layer}` }, ...items.map((item) => element("li", {}, item)));
    made.style.height = `${height}px`;
    return made;
  };

  // Lines from the pictures of a column to the one in the middle, or back.
  const lines = (list, height, back) => {
    const middle = (at, count) => height / 2 + STEP * (at - (count - 1) / 2) - 10;
    const most = Math.max(...list.map(([, weight]) => Math.abs(weight)));
    const svg = drawn("svg", { class: "ways", viewBox: `0 0 100 ${height}`, preserveAspectRatio: "none", "aria-hidden": "true", height });
    list.forEach(([, weight], at) => {
      const [start, end] = [middle(at, list.length), middle(0, 1)];
      const [from, to] = back ? [end, start] : [start, end];
      const way = drawn("path", { d: `M0 ${from} C50 ${from} 50 ${to} 100 ${to}`, class: weight > 0 ? "plus" : "minus" });
      way.style.strokeWidth = `${Math.max(1, (WIDEST * Math.abs(weight)) / most)}px`;
      svg.append(way);
    });
    return svg;
  };

  // Nothing where the weights are not known.
  const shown = async (network, layer, unit, about, query) => {
    const [before, after] = [listed(about.before), listed(about.after)];
    if (!before.length && !after.length) return null;
    const height = STEP * Math.max(before.length, after.length, 1);
    const own = element("div", { class: "column" }, await tile(network, layer, unit, null, query));
    own.style.height = `${height}px`;
    const parts = [];
    if (before.length) parts.push(await column(network, about.before, query, ["excites this unit", "inhibits this unit", "Units before"], height), lines(before, height, false));
    parts.push(own);
    if (after.length) parts.push(lines(after, height, true), await column(network, about.after, query, ["excited by this unit", "inhibited by this unit", "Units after"], height));
    const between = [about.before?.layer, layer, after.length ? about.after.layer : null].filter(Boolean).join(" → ");
    return element("section", { id: "circuit" }, element("h2", {}, `Circuit: ${between}`),
      element("p", { class: "about" }, "The strongest weights between this unit and those of the swept layers beside its own; activation functions between them are left out. An orange line excites, a blue one inhibits."),
      element("div", { class: "circuit" }, ...parts));
  };

  return { shown };
})();
