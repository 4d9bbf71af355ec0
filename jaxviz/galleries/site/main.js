// The site: an address -> its page; and the keys.
"use strict";
(async () => {
  const { address, element, load, pictures, place } = jaxviz;
  const network = await load("data/network");
  const main = document.getElementById("main");
  const search = jaxviz.search.start(network);
  const keys = document.getElementById("keys");
  let page = null, turn = 0, before = null;

  const up = ({ names, asked }) => (names.length > 1 ? address(names.slice(0, -1), asked) : address([], { recipe: asked.recipe }));

  const trail = ({ names, asked }) => {
    const list = [network.model, ...names.map(String)];
    document.getElementById("trail").replaceChildren(element("ol", {}, ...list.map((name, at) => element("li", {},
      element("a", {
        href: at ? address(names.slice(0, at), asked) : address([], { recipe: asked.recipe }), title: name,
        "aria-current": at === list.length - 1 ? "page" : null,
      }, name)))));
    document.title = names.length ? `${names.join(":")} - ${network.model}` : network.model;
  };

  const nothing = (text) => {
    main.append(element("h1", { tabindex: "-1" }, "Not here"), element("p", {}, text),
      element("p", {}, element("a", { href: "#/" }, "To the network")));
    return { leave: () => {} };
  };

  // Shows the page at hand with another part of its address, which takes the place of the one before.
  const change = (names) => (asked) => {
    history.replaceState(null, "", address(names, asked));
    return route({ same: true });
  };

  // The atlas that an address asks for; a site of one atlas has no other page.
  const atlasOf = (names) => {
    if (!names.length) return network.swept.length ? null : network.atlases?.[0];
    return names.length === 2 && names[1] === "atlas" ? network.atlases?.find((one) => one.layer === names[0]) : null;
  };

  // Loads what an address asks for; returns what puts its page into the emptied document.
  const open = async ({ names, asked }) => {
    const atlas = atlasOf(names);
    if (atlas) {
      const made = await jaxviz.atlas.page(main, network, atlas, names, asked);
      return () => { made.show(); return made; };
    }
    if (!names.length) return () => jaxviz.network.page(main, network, asked, change(names));
    const swept = network.swept.find((one) => one.name === names[0]);
    if (!swept) return () => nothing(`No layer ${names[0]} was swept.`);
    const album = await pictures.album(swept, asked);
    if (names.length === 1) return () => jaxviz.layer.page(main, network, album, asked, change(names));
    const unit = /^\d+$/.test(names[1]) ? Number(names[1]) : -1;
    if (names.length > 2 || !album.units.units.includes(unit)) {
      const waits = names.length === 2 && unit >= 0 && unit < swept.channels;
      return () => nothing(`${names.join(":")} ${waits ? "is not finished yet" : "is no unit of this sweep"}.`);
    }
    const made = await jaxviz.unit.page(main, network, album, unit, asked);
    return () => { made.show(); return made; };
  };

  const route = async ({ first = false, same = false } = {}) => {
    const mine = ++turn;
    const here = place();
    let show;
    try {
      show = await open(here);
    } catch (error) {
      show = () => nothing(error.message);
    }
    if (mine !== turn) return; // the reader has gone elsewhere meanwhile
    const [focus, scroll] = [document.activeElement?.id, window.scrollY];
    page?.leave();
    main.replaceChildren();
    page = show();
    trail(here);
    const names = here.names;
    const rose = before && before.length > names.length && before[0] === names[0];
    before = names;
    if (same) {
      window.scrollTo(0, scroll);
      if (focus) document.getElementById(focus)?.focus({ preventScroll: true });
      return;
    }
    if (rose && page.back?.()) return;
    window.scrollTo(0, 0);
    page.found?.();
    if (!first && !page.found) main.querySelector("h1").focus({ preventScroll: true });
  };

  const press = (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
    if (event.key === "Escape" && !typing) {
      const here = place();
      if (here.names.length) location.hash = up(here);
    }
    if (typing && typing.type !== "range") return;
    const does = {
      "/": () => search.focus(),
      "?": () => keys.showModal(),
      "+": page?.zoom && (() => page.zoom(1)),
      "=": page?.zoom && (() => page.zoom(1)),
      "-": page?.zoom && (() => page.zoom(-1)),
    };
    if (!typing) {
      does.ArrowLeft = page?.beside && (() => page.beside(-1));
      does.ArrowRight = page?.beside ? () => page.beside(1) : page?.enter;
      does.ArrowDown = page?.enter;
    }
    // Tiles and the rows of the network move the focus by themselves.
    if (!does[event.key] || event.defaultPrevented || (event.target.closest("a.tile, a.box") && event.key.startsWith("Arrow") && !page?.beside)) return;
    event.preventDefault();
    does[event.key]();
  };

  history.scrollRestoration = "manual";
  document.getElementById("search").hidden = !network.swept.length;
  document.getElementById("help").addEventListener("click", () => keys.showModal());
  document.addEventListener("keydown", press);
  window.addEventListener("hashchange", () => route());
  await route({ first: true });
})();
