// The page of an atlas: its map, the cell that is open, and all cells as a list.
"use strict";
jaxviz.atlas = (() => {
  const { address, element, files, load, map, number, pictures, plural, say, tiles } = jaxviz;
  const LARGE = 256, SMALL = 72; // CSS pixels

  const part = (title, ...children) => element("div", { class: "part" }, element("h3", {}, title), ...children);
  const strip = (...items) => element("ul", { class: "strip" }, ...items.map((item) => element("li", {}, item)));

  // Links to the atlases that there are, of one layer or of all; nothing where there is none.
  const links = (network, layer) => {
    const found = (network.atlases ?? []).filter((one) => !layer || one.layer === layer);
    if (!found.length) return null;
    return element("p", { class: "summary" }, layer ? "What it sees in many images: " : "What layers see in many images: ",
      ...found.flatMap((one, at) => [at ? ", " : "", element("a", { href: address([one.layer, "atlas"]) },
        layer ? "its atlas" : `atlas of ${one.layer}`)]));
  };

  const classesOf = (atlas, level, cell) =>
    level.classes[cell].map((one, at) => [atlas.classes[one], level.shares[cell][at]]);

  const name = (atlas, at, cell) => {
    const level = atlas.levels[at];
    const [row, column] = level.places[cell];
    const [first] = classesOf(atlas, level, cell);
    return [`Row ${row + 1}, column ${column + 1}`, plural(level.counts[cell], "activation"), first?.[0]].filter(Boolean).join(", ");
  };

  const picture = (atlas, at, cell) => {
    const { places, pyramid } = atlas.levels[at];
    const [row, column] = places[cell];
    const { across } = pyramid;
    const size = LARGE * (pyramid.width >= pyramid.height ? 1 : pyramid.width / pyramid.height);
    const tall = (size * pyramid.height) / pyramid.width;
    const box = element("span", { class: "picture", role: "img", "aria-label": "Picture of the cell" });
    Object.assign(box.style, {
      width: `${size}px`, height: `${tall}px`,
      backgroundImage: `url("${files}/${atlas.folder}/${pyramid.name}-0-${Math.floor(row / across)}-${Math.floor(column / across)}.png")`,
      backgroundSize: `${across * size}px ${across * tall}px`,
      backgroundPosition: `${-(column % across) * size}px ${-(row % across) * tall}px`,
      imageRendering: pyramid.width <= 96 ? "pixelated" : "auto",
    });
    return box;
  };

  const classes = (atlas, level, cell) => {
    const found = classesOf(atlas, level, cell);
    return found.length ? part("Classes",
      element("p", { class: "about" }, "By how much the cell's mean raises the logit in images, above the mean of all activations."),
      element("ol", { class: "ranks" }, ...found.map(([text, share]) => element("li", {}, `${text} `,
        element("span", { class: share >= 0 ? "weight plus" : "weight minus" }, `${share >= 0 ? "+" : ""}${number(share)}`))))) : null;
  };

  const patches = (atlas, level, cell) => (atlas.patches && level.patches[cell].length
    ? part("Patches of images", strip(...level.patches[cell].map((one) => {
      const [image, position] = atlas.from[one];
      const text = `image ${image}, position ${position.join(", ")}`;
      return element("figure", {}, tiles.picture(atlas.folder, atlas.patches, one, SMALL, text),
        element("figcaption", {}, `image ${image}`));
    }))) : null);

  // Tiles of the strongest units, as links where their layer was swept.
  const units = async (network, atlas, level, cell) => {
    const swept = network.swept.find((one) => one.name === atlas.layer);
    const album = swept ? await pictures.album(swept, {}) : null;
    const items = level.units[cell].map((unit) => {
      const at = album ? album.units.units.indexOf(unit) : -1;
      if (at < 0) return element("span", { class: "other" }, `${atlas.layer}:${unit}`);
      const sheets = album.units.sheets.positive;
      return element("a", { class: "other tile", href: address([atlas.layer, unit]), "aria-label": `${atlas.layer}:${unit}` },
        tiles.picture(album.made.folder, sheets, album.units.places[at], SMALL), element("span", { class: "caption" }, String(unit)));
    });
    return part("Strongest units", strip(...items));
  };

  const list = (atlas, open) => {
    const box = element("details", {}, element("summary", {}, "All cells as a list"));
    const table = (level, at) => element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Cells of ${level.pyramid.side} × ${level.pyramid.side}` },
      element("table", { class: "numbers cells" },
        element("caption", {}, `Cells of ${level.pyramid.side} × ${level.pyramid.side}`),
        element("thead", {}, element("tr", {}, ...["Cell", "Activations", "Classes", "Units"].map((text) => element("th", { scope: "col" }, text)))),
        element("tbody", {}, ...level.places.map(([row, column], cell) => element("tr", {},
          element("th", { scope: "row" }, element("button", {
            type: "button", class: "link", onclick: () => open(at, cell, true),
          }, `row ${row + 1}, column ${column + 1}`)),
          element("td", {}, String(level.counts[cell])),
          element("td", {}, classesOf(atlas, level, cell).map(([text]) => text).join(", ") || "–"),
          element("td", {}, level.units[cell].slice(0, 4).join(", ")))))));
    // A thousand rows are made when they are asked for.
    box.addEventListener("toggle", () => { if (box.open && box.children.length === 1) box.append(...atlas.levels.map(table)); });
    return box;
  };

  // `names` is the address of the page.
  const page = async (main, network, about, names, asked) => {
    const atlas = { ...about, ...await load(`${about.folder}/atlas`) };
    const panel = element("section", { class: "cell", hidden: true, "aria-label": "The cell that is open" });
    const keep = (cell) => history.replaceState(null, "", address(names, { ...asked, cell }));

    const open = async (at, cell, show = false) => {
      if (show) shown.show(at, cell);
      const level = atlas.levels[at];
      const heading = element("h2", { tabindex: "-1" }, name(atlas, at, cell));
      const made = [picture(atlas, at, cell), classes(atlas, level, cell), patches(atlas, level, cell), await units(network, atlas, level, cell)];
      const close = element("button", { type: "button", class: "plain", onclick: shut }, "Close");
      panel.replaceChildren(element("div", { class: "head" }, heading, close), ...made.filter(Boolean));
      panel.hidden = false;
      keep(`${at}.${cell}`);
      if (show) shown.host.scrollIntoView({ block: "center" });
      heading.focus({ preventScroll: true });
    };
    const shut = () => {
      panel.hidden = true;
      keep("");
      shown.host.focus({ preventScroll: true });
    };
    const shown = map(atlas, {
      label: `Map of what ${atlas.layer} sees`, chosen: open, moved: (at, cell) => say(name(atlas, at, cell)),
    });
    panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      shut();
    });

    const swept = network.swept.some((one) => one.name === atlas.layer);
    const sides = atlas.levels.map(({ pyramid }) => pyramid.side);
    const grids = sides.length > 1 ? `on grids of ${sides.slice(0, -1).join(", ")} and ${sides.at(-1)}` : `on a grid of ${sides[0]}`;
    const button = (text, label, does) => element("button", { type: "button", class: "plain", "aria-label": label, onclick: does }, text);
    const contents = [
      element("header", { class: "head" }, element("div", {}, element("h1", { tabindex: "-1" }, `Atlas of ${atlas.layer}`),
        element("p", { class: "summary" }, [`${plural(atlas.cells, "cell")} ${grids} a side`,
          `${plural(atlas.activations, "activation")} of ${plural(atlas.images, "image")}`, `recipe ${atlas.recipe}`].join(" · ")),
        swept ? element("p", { class: "summary" }, element("a", { href: address([atlas.layer]) }, `Units of ${atlas.layer}`)) : null)),
      element("p", { class: "about" }, "Each cell is a kind of activation of the layer: similar kinds lie close together. Its picture "
        + "is what the layer sees there. Click a cell to open it."),
      element("div", { class: "tools still", role: "group", "aria-label": "The map" },
        button("+", "Zoom in", () => shown.zoom(1)), button("−", "Zoom out", () => shown.zoom(-1)),
        button("Whole map", "Whole map", () => shown.whole()),
        element("span", { class: "meta", id: "map-keys" }, "Arrow keys move between cells, Enter opens one, + and − zoom, Home shows the whole map.")),
      element("div", { class: "atlas" }, shown.host, panel), list(atlas, open),
    ];
    const [at, cell] = (asked.cell ?? "").split(".").map(Number);
    return {
      show: () => {
        main.append(...contents);
        if (atlas.levels[at]?.places[cell]) requestAnimationFrame(() => open(at, cell, true));
      },
      enter: () => shown.host.focus(),
      zoom: shown.zoom,
      leave: shown.leave,
    };
  };

  return { links, page };
})();
