// The search: "conv2d_3:17", "conv2d_3 17", part of a layer's name ("conv4" finds conv2d_4) or the name of a class.
"use strict";
jaxviz.search = (() => {
  const { address, element } = jaxviz;
  const MOST = 12;

  // How far apart the letters of a text stand in a name, where it has them in this order; else null.
  const spread = (name, text) => {
    let best = null;
    for (let first = name.indexOf(text[0]); first >= 0; first = name.indexOf(text[0], first + 1)) {
      let at = first;
      for (const letter of text.slice(1)) {
        at = name.indexOf(letter, at + 1);
        if (at < 0) return best;
      }
      best = Math.min(best ?? Infinity, at - first);
    }
    return best;
  };

  // Layers by name: the very name first, then those with the text in their names, early ones first, then those that
  // have its letters in this order, close ones first.
  const layersOf = (layers, text) => {
    if (!text) return [];
    const rank = (name) => {
      if (name === text) return [0, 0];
      const place = name.indexOf(text);
      if (place >= 0) return [1, place];
      const apart = text.length > 2 ? spread(name, text) : null;
      return apart === null ? null : [2, apart];
    };
    return layers.map((layer) => [rank(layer.name.toLowerCase()), layer]).filter(([found]) => found)
      .sort(([a], [b]) => a[0] - b[0] || a[1] - b[1]).map(([, layer]) => layer);
  };

  const unitHit = (network, swept, unit) => {
    const called = jaxviz.named(network, swept.name, unit);
    return { text: `${swept.name}:${unit}${called ? ` ${called}` : ""}`, href: address([swept.name, unit]) };
  };

  const classesOf = (network, text) => {
    const swept = network.swept.findLast((one) => network.classes.layers.includes(one.name));
    if (!swept || text.length < 2) return [];
    return network.classes.names.map((name, unit) => [name.toLowerCase(), unit])
      .filter(([name]) => name.includes(text)).sort(([a, i], [b, j]) => a.indexOf(text) - b.indexOf(text) || i - j)
      .map(([, unit]) => unitHit(network, swept, unit));
  };

  // What the text may mean; a number at its end is a unit.
  const find = (network, text) => {
    const query = text.trim().toLowerCase();
    if (!query) return [];
    const split = /^(.*?)[\s:/#]+(\d+)$/s.exec(query);
    const has = (unit) => (swept) => unit < swept.channels;
    const units = split ? layersOf(network.swept, split[1]).filter(has(Number(split[2])))
      .map((swept) => unitHit(network, swept, Number(split[2]))) : [];
    const names = new Set(network.swept.map(({ name }) => name));
    const named = layersOf(network.layers, query.replace(/[\s:/#]+$/, ""));
    const layers = [...named.filter(({ name }) => names.has(name)).map(({ name }) => ({ text: name, href: address([name]) })),
      ...named.filter(({ name }) => !names.has(name))
        .map(({ name }) => ({ text: `${name} (not swept)`, href: address([], { layer: name }) }))];
    const alone = /^\d+$/.test(query) ? network.swept.filter(has(Number(query)))
      .map((swept) => unitHit(network, swept, Number(query))) : [];
    return [...units, ...layers, ...classesOf(network, query), ...alone].slice(0, MOST);
  };

  const start = (network) => {
    const [form, input, list] = ["search", "query", "found"].map((id) => document.getElementById(id));
    let hits = [], chosen = 0;

    const close = () => {
      list.hidden = true;
      list.replaceChildren();
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    };
    const mark = () => {
      [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === chosen)));
      if (hits.length) input.setAttribute("aria-activedescendant", `hit-${chosen}`);
    };
    const open = () => {
      hits = find(network, input.value);
      chosen = 0;
      if (!input.value.trim()) { close(); return; }
      list.replaceChildren(...(hits.length
        ? hits.map((hit, place) => element("li", {
          role: "option", id: `hit-${place}`,
          onmousedown: (event) => { event.preventDefault(); go(hit); },
        }, hit.text))
        : [element("li", { class: "nothing", role: "option", "aria-disabled": "true" }, "No layer, unit or class of that name")]));
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      mark();
    };
    const go = (hit) => {
      input.value = "";
      close();
      input.blur();
      if (location.hash === hit.href) window.dispatchEvent(new HashChangeEvent("hashchange"));
      else location.hash = hit.href;
    };

    input.addEventListener("input", open);
    input.addEventListener("focus", open);
    input.addEventListener("blur", close);
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && hits.length) {
        event.preventDefault();
        chosen = (chosen + step + hits.length) % hits.length;
        mark();
      } else if (event.key === "Escape") {
        event.stopPropagation();
        input.value = "";
        close();
        input.blur();
      }
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      open();
      if (hits.length) go(hits[chosen]);
    });
    return { focus: () => { input.focus(); input.select(); } };
  };

  return { find, start };
})();
