// Groups: units of a layer that are active together - their picture, where they are active, and the units themselves.
"use strict";
jaxviz.groups = (() => {
  const { address, element, named, tiles } = jaxviz;
  const SMALL = 88; // CSS pixels

  const group = (network, swept, groups, row, query) => {
    const width = tiles.fit(groups.pictures, SMALL, groups.each + 1);
    const name = `Group ${row + 1}`;
    const maps = Array.from({ length: groups.each }, (_, at) => element("li", {},
      tiles.picture(swept.folder, groups.maps, row * groups.each + at, width, `${name}: where it is active in image ${at + 1}`)));
    const units = groups.units[row].map((unit) => {
      const called = [unit, named(network, swept.name, unit)].filter((text) => text !== "").join(" ");
      return element("li", {}, element("a", { href: address([swept.name, unit], query) }, called));
    });
    return element("section", { class: "group", "aria-label": name },
      element("h2", {}, name),
      element("div", { class: "pair" }, tiles.picture(swept.folder, groups.pictures, row, width, `${name}: picture`),
        element("ul", { class: "maps" }, ...maps)),
      element("p", { class: "caption" }, "Strongest units"), element("ul", { class: "units" }, ...units));
  };

  // Nothing where no groups are known.
  const shown = (network, swept, groups, query) => (groups ? element("details", { id: "groups" },
    element("summary", {}, `Groups of units that are active together (${groups.units.length})`),
    element("p", { class: "about" }, `Each group is a direction among the units: its picture, the real images in which it is most active, orange where it is, and the units that belong to it most. Together the groups leave ${Math.round(100 * groups.error)} % of the activations unexplained.`),
    element("div", { class: "groups" }, ...groups.units.map((_, row) => group(network, swept, groups, row, query)))) : null);

  return { shown };
})();
