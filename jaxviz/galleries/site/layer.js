// A layer's page: its wall, and what switches, sorts, filters and zooms it.
"use strict";
jaxviz.layer = (() => {
  const { address, element, keep, named, number, pictures, plural, recall, say, shape, wall } = jaxviz;
  const SMALLEST = 24, LARGEST = 256, STEP = 8;
  const CONSTANT = 1e-3, SAME = 0.98; // a column that varies by less, or has one value in so many rows, sorts nothing
  const views = new Map(); // by layer, the active unit and how far the page was scrolled

  const TITLES = { reached: "Activation reached", largest: "Largest on real images", ratio: "Ratio to the largest on real images" };
  const SHOWN = [
    ["all", "All", () => true],
    ["alive", "With a picture", (place) => place !== null],
    ["dead", "Dead", (place) => place === null],
  ];

  const view = (name) => {
    if (!views.has(name)) views.set(name, { unit: null, scroll: 0 });
    return views.get(name);
  };

  const varies = (values) => {
    const known = values.filter((value) => value !== null);
    if (!known.length) return false;
    const low = Math.min(...known), high = Math.max(...known);
    if (high - low <= CONSTANT * Math.max(Math.abs(low), Math.abs(high))) return false;
    const times = new Map();
    for (const value of known) times.set(value, (times.get(value) ?? 0) + 1);
    return Math.max(...times.values()) < Math.max(SAME * values.length, 2);
  };

  // The ways to sort: [name, text, value of a row or null]. Larger values come first, except for ranks.
  const sorts = (network, album) => {
    const { units, shared } = album;
    const { score } = pictures.shown(album);
    const column = (name) => (at) => units.numbers[name][at];
    const known = network.columns.filter(([name]) => units.numbers[name] && (name !== "reached" || album.kind !== "positive"));
    const found = [
      ["score", "Score of the pictures", score],
      ...known.map(([name, heading]) => [name, TITLES[name] ?? heading[0].toUpperCase() + heading.slice(1), column(name)]),
    ].filter(([, , value]) => varies(units.units.map((_, at) => value(at))));
    const ranks = [];
    if (units.alike) ranks.push(["similar-pictures", "Similar pictures", (at) => -units.alike[at]]);
    if (shared.alike) ranks.push(["similar-weights", "Similar weights", (at) => -shared.alike[units.units[at]]]);
    const dead = (sign) => (at) => sign * Number(units.places[at] === null);
    const some = units.places.includes(null) && units.places.some((place) => place !== null);
    return [["index", "Index", null], ...ranks, ...found,
      ...(some ? [["dead-last", "Dead last", dead(-1)], ["dead-first", "Dead first", dead(1)]] : [])];
  };

  // How an address asks for a layer to be shown, with what cannot be had left out.
  const asked = (network, album, query) => {
    const sort = sorts(network, album).find(([name]) => name === query.sort);
    const show = album.units.places.includes(null) ? SHOWN.find(([name]) => name === query.show) : null;
    return { sort: sort ?? ["index", "Index", null], show: show ?? SHOWN[0], reversed: query.order === "reversed" };
  };

  // Rows of a layer's columns in the order that its page shows them.
  const order = (network, album, query) => {
    const { units } = album;
    const { sort: [, , value], show: [, , shown], reversed } = asked(network, album, query);
    const rows = units.units.map((_, at) => at).filter((at) => shown(units.places[at]));
    const byUnit = (a, b) => units.units[a] - units.units[b];
    const sign = reversed ? -1 : 1;
    if (!value) return rows.sort((a, b) => sign * byUnit(a, b));
    const missing = (at) => Number(value(at) === null || value(at) === undefined);
    // What has no number comes last in either direction.
    return rows.sort((a, b) => missing(a) - missing(b) || sign * (value(b) - value(a)) || byUnit(a, b));
  };

  const choice = (id, label, options, value, changed) => {
    const select = element("select", { id, onchange: (event) => changed(event.target.value) },
      ...options.map(([name, text]) => element("option", { value: name, selected: name === value }, text)));
    return element("label", {}, element("span", {}, label), select);
  };

  // Small pictures begin at a whole number of screen pixels each.
  const begin = (sheets) => {
    const wanted = Number(recall("zoom", 0));
    if (wanted >= SMALLEST && wanted <= LARGEST) return wanted;
    const native = sheets?.width ?? 64;
    return native <= 64 ? Math.max(1, Math.round(88 / native)) * native : 128;
  };

  const header = (network, swept, made, neighbours, query) => {
    const parts = [swept.kind, ...shape(swept.shape), plural(swept.channels, "unit")];
    if (made.done < swept.channels) parts.push(`${made.done.toLocaleString("en")} finished so far`);
    parts.push(made.dead ? `${made.dead.toLocaleString("en")} dead` : "none dead");
    const { recipe, pictures: kind } = query;
    const beside = (layer, rel, text) => (layer
      ? element("a", { href: address([layer.name], { recipe, pictures: kind }), rel, class: "plain", "aria-label": `${text} layer: ${layer.name}` },
        rel === "prev" ? "←" : "→")
      : null);
    return element("header", { class: "head" },
      element("div", {}, element("h1", { tabindex: "-1" }, swept.name),
        element("p", { class: "summary" }, parts.join(" · ")), jaxviz.atlas.links(network, swept.name)),
      element("nav", { "aria-label": "Neighbouring layers", class: "beside" },
        beside(neighbours[0], "prev", "Previous"), beside(neighbours[1], "next", "Next")));
  };

  // `change(asked)` shows the same page with another part of its address.
  const page = (main, network, album, query, change) => {
    const { swept, made, units, kind } = album;
    const now = view(swept.name);
    const shown = pictures.shown(album);
    const { sort: [sort, title, value], show: [show], reversed } = asked(network, album, query);
    let width = begin(shown.sheets);
    const counts = { all: units.units.length, dead: units.places.filter((place) => place === null).length };
    counts.alive = counts.all - counts.dead;
    const status = (at) => (units.status ? network.statuses[units.status[at]][0] : "dead");
    const ranked = sort.startsWith("similar-") || sort.startsWith("dead-");
    const told = (at) => (value && !ranked && sort !== "score" ? value(at) : shown.score(at));
    const empty = (at) => !shown.places(at).some((place) => place !== null && place !== undefined);
    const called = (at) => [units.units[at], named(network, swept.name, units.units[at])].filter((text) => text !== "").join(" ");
    const tiles = wall(units, shown, {
      width,
      href: (at) => address([swept.name, units.units[at]], query),
      moved: (unit) => { now.unit = unit; },
      caption: (at) => (empty(at) ? `${called(at)} ${units.places[at] === null ? "dead" : "none"}` : `${called(at)} · ${number(told(at))}`),
      label: (at) => {
        const name = `${swept.name}:${called(at)}`;
        if (empty(at)) return `${name}, no picture${units.places[at] === null ? `: ${status(at)}` : ""}`;
        return `${name}, ${value && !ranked && sort !== "score" ? title.toLowerCase() : "score"} ${number(told(at))}`;
      },
    });
    tiles.host.setAttribute("aria-label", `Units of ${swept.name}`);
    const rows = order(network, album, query);
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
    const set = (changes) => change({ ...query, ...changes });
    const place = network.swept.indexOf(swept);
    const meaning = pictures.kinds(swept).find(([name]) => name === kind)[2];
    const compared = { "similar-pictures": "the pixels of their pictures, made small, and the amplitudes of their spatial frequencies",
      "similar-weights": "their weights" }[sort];
    const groups = jaxviz.groups.shown(network, swept, album.shared.groups, { recipe: query.recipe });
    main.append(
      header(network, swept, made, [network.swept[place - 1], network.swept[place + 1]], query),
      ...(groups ? [groups] : []),
      element("div", { class: "tools", role: "group", "aria-label": "What is shown" },
        pictures.recipes(swept, made.name, (recipe) => set({ recipe: recipe === swept.recipes[0].name ? "" : recipe })),
        pictures.switcher("pictures", "Pictures", pictures.kinds(swept), kind,
          (name) => set({ pictures: name === pictures.kinds(swept)[0][0] ? "" : name })),
        choice("sort", "Sort", sorts(network, album), sort, (name) => set({ sort: name === "index" ? "" : name })),
        element("button", {
          type: "button", id: "reverse", class: "plain", "aria-pressed": String(reversed),
          onclick: () => set({ order: reversed ? "" : "reversed" }),
        }, "Reverse"),
        counts.dead ? choice("show", "Show", SHOWN.map(([name, text]) => [name, `${text} (${counts[name].toLocaleString("en")})`]),
          show, (name) => set({ show: name === "all" ? "" : name })) : null,
        element("label", { class: "zoom" }, element("span", {}, "Size"), slider)),
      element("p", { class: "about" }, `${meaning[0].toUpperCase()}${meaning.slice(1)}.${compared
        ? ` Units are ordered by the likeness of ${compared}: ${network.alike}.` : ""}`),
      ...(rows.length ? [] : [element("p", { class: "note" }, "No such unit in this layer.")]), tiles.host);
    tiles.arrange(rows, now.unit);
    say(`${plural(rows.length, "unit")}, sorted by ${title.toLowerCase()}${reversed ? ", reversed" : ""}`);
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
