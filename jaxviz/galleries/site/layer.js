// A layer's page: its wall, and what sorts, filters and zooms it.
"use strict";
jaxviz.layer = (() => {
  const { address, element, keep, number, plural, recall, say, shape, wall } = jaxviz;
  const SMALLEST = 24, LARGEST = 256, STEP = 8;
  const views = new Map(); // by layer, how it was left: sort, filter, the active unit and how far it was scrolled

  const SORTS = [
    ["index", "Index", null],
    ["reached", "Activation reached", "reached"],
    ["ratio", "Ratio to the largest on real images", "ratio"],
    ["selectivity", "Selectivity", "selectivity"],
    ["dead-last", "Dead last", null],
    ["dead-first", "Dead first", null],
  ];
  const SHOWN = [
    ["all", "All", () => true],
    ["alive", "With a picture", (place) => place !== null],
    ["dead", "Dead", (place) => place === null],
  ];

  const known = (units, column) => !column || (units.numbers[column] ?? []).some((value) => value !== null);
  const view = (name) => {
    if (!views.has(name)) views.set(name, { sort: "index", reversed: false, show: "all", unit: null, scroll: 0 });
    return views.get(name);
  };

  // Rows of a layer's columns in the order that its page shows them.
  const order = (units, { sort, reversed, show }) => {
    const shown = SHOWN.find(([name]) => name === show)[2];
    const rows = units.units.map((_, at) => at).filter((at) => shown(units.places[at]));
    const values = units.numbers[SORTS.find(([name]) => name === sort)[2]];
    const dead = (at) => Number(units.places[at] === null);
    const byUnit = (a, b) => units.units[a] - units.units[b];
    const sign = reversed ? -1 : 1;
    if (values) {
      const missing = (at) => Number(values[at] === null);
      // What has no number comes last in either direction.
      return rows.sort((a, b) => missing(a) - missing(b) || sign * (values[b] - values[a]) || byUnit(a, b));
    }
    const first = { "dead-first": -1, "dead-last": 1 }[sort] ?? 0;
    return rows.sort((a, b) => sign * first * (dead(a) - dead(b)) || (first ? 1 : sign) * byUnit(a, b));
  };

  const choice = (id, label, options, value, changed) => {
    const select = element("select", { id, onchange: (event) => changed(event.target.value) },
      ...options.map(([name, text]) => element("option", { value: name, selected: name === value }, text)));
    return element("label", {}, element("span", {}, label), select);
  };

  // Small pictures begin at a whole number of screen pixels each.
  const begin = (units) => {
    const wanted = Number(recall("zoom", 0));
    if (wanted >= SMALLEST && wanted <= LARGEST) return wanted;
    const native = units.sheets.wall?.width ?? 64;
    return native <= 64 ? Math.max(1, Math.round(88 / native)) * native : 128;
  };

  const header = (swept, neighbours) => {
    const parts = [swept.kind, ...shape(swept.shape), plural(swept.channels, "unit")];
    if (swept.done < swept.channels) parts.push(`${swept.done.toLocaleString("en")} finished so far`);
    parts.push(swept.dead ? `${swept.dead.toLocaleString("en")} dead` : "none dead");
    const beside = (layer, rel, text) => (layer
      ? element("a", { href: address(layer.name), rel, class: "plain", "aria-label": `${text} layer: ${layer.name}` },
        rel === "prev" ? "←" : "→")
      : null);
    return element("header", { class: "head" },
      element("div", {}, element("h1", { tabindex: "-1" }, swept.name),
        element("p", { class: "summary" }, parts.join(" · "))),
      element("nav", { "aria-label": "Layers beside it", class: "beside" },
        beside(neighbours[0], "prev", "Previous"), beside(neighbours[1], "next", "Next")));
  };

  const page = (main, network, swept, units) => {
    const now = view(swept.name);
    let width = begin(units);
    const column = () => SORTS.find(([name]) => name === now.sort)[2];
    const value = (at) => (column() ? number(units.numbers[column()][at]) : null);
    const status = (at) => (units.status ? network.statuses[units.status[at]][0] : "dead");
    const tiles = wall(swept, units, {
      width,
      moved: (unit) => { now.unit = unit; },
      caption: (at) => {
        if (units.places[at] === null) return `${units.units[at]} dead`;
        return value(at) === null ? String(units.units[at]) : `${units.units[at]} · ${value(at)}`;
      },
      label: (at) => {
        const name = `${swept.name}:${units.units[at]}`;
        const reached = number(units.numbers.reached[at]);
        if (units.places[at] === null) return `${name}, no picture: ${status(at)}`;
        return column() && column() !== "reached" ? `${name}, ${column()} ${value(at)}` : `${name}, reached ${reached}`;
      },
    });
    tiles.host.setAttribute("aria-label", `Units of ${swept.name}`);
    const empty = element("p", { class: "note", hidden: true }, "No such unit in this layer.");

    const arrange = () => {
      const rows = order(units, now);
      tiles.arrange(rows, now.unit);
      empty.hidden = rows.length > 0;
      say(`${plural(rows.length, "unit")}, sorted by ${SORTS.find(([name]) => name === now.sort)[1].toLowerCase()}` +
        `${now.reversed ? ", reversed" : ""}`);
    };
    const slider = element("input", {
      type: "range", id: "zoom", min: SMALLEST, max: LARGEST, step: 1, value: width,
      oninput: (event) => zoom(Number(event.target.value)),
    });
    const zoom = (wanted) => {
      width = Math.max(SMALLEST, Math.min(LARGEST, wanted));
      slider.value = width;
      keep("zoom", width);
      tiles.zoom(width);
    };
    const reverse = element("button", {
      type: "button", class: "plain", "aria-pressed": String(now.reversed),
      onclick: () => {
        now.reversed = !now.reversed;
        reverse.setAttribute("aria-pressed", String(now.reversed));
        arrange();
      },
    }, "Reverse");
    const counts = { all: units.units.length, dead: units.places.filter((place) => place === null).length };
    counts.alive = counts.all - counts.dead;
    const place = network.swept.indexOf(swept);
    main.append(
      header(swept, [network.swept[place - 1], network.swept[place + 1]]),
      element("div", { class: "tools", role: "group", "aria-label": "Sort, filter and zoom" },
        choice("sort", "Sort", SORTS.filter(([, , name]) => known(units, name)), now.sort, (sort) => {
          now.sort = sort;
          arrange();
        }),
        reverse,
        choice("show", "Show", SHOWN.map(([name, text]) => [name, `${text} (${counts[name].toLocaleString("en")})`]),
          now.show, (show) => { now.show = show; arrange(); }),
        element("label", { class: "zoom" }, element("span", {}, "Size"), slider)),
      empty, tiles.host);
    arrange();
    const closer = (direction) => zoom(width + direction * Math.max(STEP, Math.round(width / 8)));
    return {
      enter: tiles.focus,
      back: () => { if (now.unit === null) return false; window.scrollTo(0, now.scroll); tiles.focus(); return true; },
      zoom: closer,
      leave: () => { now.scroll = window.scrollY; tiles.leave(); },
    };
  };

  return { order, page, view };
})();
