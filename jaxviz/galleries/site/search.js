// The search: "conv2d_3:17", "conv2d_3 17", or part of a layer's name.
"use strict";
jaxviz.search = (() => {
  const { address, element } = jaxviz;
  const MOST = 12;

  // What the text may mean: layers first by how early it stands in their names; a number at its end is a unit.
  const find = (network, text) => {
    const query = text.trim().toLowerCase();
    if (!query) return [];
    const named = (part) => network.swept
      .map((swept) => [swept.name.toLowerCase().indexOf(part), swept])
      .filter(([place]) => place >= 0)
      .sort(([a, one], [b, other]) => (one.name.toLowerCase() === part ? -1 : a) - (other.name.toLowerCase() === part ? -1 : b))
      .map(([, swept]) => swept);
    const split = /^(.*?)[\s:/#]+(\d+)$/s.exec(query);
    const units = split ? named(split[1]).filter((swept) => Number(split[2]) < swept.channels)
      .map((swept) => ({ text: `${swept.name}:${Number(split[2])}`, href: address(swept.name, Number(split[2])) })) : [];
    const layers = named(query.replace(/[\s:/#]+$/, "")).map((swept) => ({ text: swept.name, href: address(swept.name) }));
    const alone = /^\d+$/.test(query) ? network.swept.filter((swept) => Number(query) < swept.channels)
      .map((swept) => ({ text: `${swept.name}:${Number(query)}`, href: address(swept.name, Number(query)) })) : [];
    return [...units, ...layers, ...alone].slice(0, MOST);
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
        : [element("li", { class: "nothing", role: "option", "aria-disabled": "true" }, "No layer or unit of that name")]));
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
