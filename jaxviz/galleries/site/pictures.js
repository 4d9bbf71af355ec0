// Pictures: what a layer has of each unit - positive, negative, diversity, real images - by each of its recipes.
"use strict";
jaxviz.pictures = (() => {
  const { element, load } = jaxviz;
  const KINDS = [
    ["positive", "Positive", "images that maximize the unit"],
    ["negative", "Negative", "images that minimize the unit"],
    ["diversity", "Diversity", "several different images that maximize the unit"],
    ["real", "Real images", "the real images with the largest activation"],
  ];

  const kinds = (swept) => KINDS.filter(([name]) => (name === "real" ? swept.real : swept.aspects.includes(name)));
  const recipe = (swept, asked) => swept.recipes.find((one) => one.name === asked.recipe) ?? swept.recipes[0];

  // Loads a layer: `units`, its columns by the recipe asked for, and `shared`, what is the same for all recipes.
  const album = async (swept, asked) => {
    const made = recipe(swept, asked);
    const [units, shared] = await Promise.all([load(`${made.folder}/units`), load(`${swept.folder}/layer`)]);
    const found = kinds(swept).map(([name]) => name);
    return { swept, made, units, shared, kind: found.includes(asked.pictures) ? asked.pictures : found[0] };
  };

  // What a wall shows: sheets, the places of each row's pictures, and their best score.
  const shown = ({ swept, made, units, shared, kind }) => {
    if (kind === "real") {
      return { folder: swept.folder, sheets: shared.sheets.real, places: (at) => shared.real.places[units.units[at]],
        score: (at) => shared.real.scores[units.units[at]] };
    }
    const sheets = units.sheets[kind];
    if (kind === "positive") {
      return { folder: made.folder, sheets, places: (at) => [units.places[at]], score: (at) => units.scores[at] };
    }
    return { folder: made.folder, sheets, places: (at) => units[kind].places[at], score: (at) => units[kind].scores[at] };
  };

  // A row of buttons of which one is pressed.
  const switcher = (id, label, options, value, changed) => (options.length < 2 ? null
    : element("div", { class: "switch", role: "group", "aria-label": label }, ...options.map(([name, text, meaning]) =>
      element("button", {
        type: "button", id: `${id}-${name}`, "aria-pressed": String(name === value), title: meaning,
        onclick: () => changed(name),
      }, text))));
  const recipes = (swept, value, changed) =>
    switcher("recipe", "Recipe", swept.recipes.map(({ name }) => [name, name, `recipe ${name}`]), value, changed);

  return { album, kinds, recipe, recipes, shown, switcher };
})();
