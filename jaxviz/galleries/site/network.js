// The entry page: the network as a column of layers, in order of computation, with lines beside it for what skips some.
"use strict";
jaxviz.network = (() => {
  const { address, drawn, element, pictures, plural, shape, tiles } = jaxviz;
  const SAMPLE = 56; // CSS pixels of a sample tile
  const LANES = 44; // CSS pixels for all lanes together

  const names = (list) => (list.length < 2 ? list.join("") : `${list.slice(0, -1).join(", ")} and ${list.at(-1)}`);

  // What is told to those who do not see the lines, where it is not simply the layer before.
  const reads = (network, layer, place) => {
    if (!layer.inputs.length || (layer.inputs.length === 1 && layer.inputs[0] === place - 1)) return null;
    return element("span", { class: "unseen" }, ` reads ${names(layer.inputs.map((at) => network.layers[at].name))}`);
  };

  const told = (swept, { done, dead }) => {
    const parts = [...shape(swept.shape), plural(swept.channels, "unit")];
    if (done < swept.channels) parts.push(`${done.toLocaleString("en")} finished`);
    if (dead) parts.push(`${dead.toLocaleString("en")} dead`);
    return parts.join(" · ");
  };

  // Sample tiles are painted when they come near the window.
  const samples = (made, watch) => {
    const strip = element("span", { class: "samples", "aria-hidden": "true" });
    if (made.samples) watch(strip, () => {
      for (let place = 0; place < made.sampled; place++) {
        strip.append(tiles.picture(made.folder, made.samples, place, SAMPLE));
      }
    });
    return strip;
  };

  const row = (network, layer, place, swept, asked, watch) => {
    const item = element("li", { class: swept ? "layer swept" : "layer", id: `layer-${place}` });
    const title = [element("span", { class: "name", title: layer.name }, layer.name),
      element("span", { class: "kind" }, layer.kind)];
    if (swept) {
      const made = pictures.recipe(swept, asked);
      const meta = element("span", { class: "meta" }, told(swept, made));
      item.append(element("a", { href: address([layer.name], { recipe: asked.recipe }), class: "box" },
        element("span", { class: "title" }, ...title, meta), reads(network, layer, place), samples(made, watch)));
    } else {
      item.append(element("span", { class: "box" }, ...title, element("span", { class: "meta" }, layer.shape.join(" × ")),
        reads(network, layer, place)));
    }
    return item;
  };

  const path = (x, lane, from, to) => {
    if (!lane) return `M${x} ${from}V${to}`;
    const bend = Math.min(10, (to - from) / 2);
    const side = x - lane;
    return `M${x} ${from}Q${side} ${from} ${side} ${from + bend}V${to - bend}Q${side} ${to} ${x} ${to}`;
  };

  // Draws all lines anew, for the places that the rows have now.
  const draw = (svg, list, network) => {
    const rows = [...list.children];
    const middle = rows.map((item) => item.offsetTop + item.offsetHeight / 2);
    const lanes = Math.max(1, ...network.lines.map((line) => line.lane));
    const apart = Math.min(9, LANES / lanes);
    const x = 8 + lanes * apart;
    list.style.setProperty("--gutter", `${x + 16}px`);
    svg.setAttribute("width", x + 8);
    svg.setAttribute("height", list.offsetHeight);
    svg.replaceChildren();
    for (const line of network.lines) {
      for (const to of line.to) {
        svg.append(drawn("path", {
          d: path(x, line.lane * apart, middle[line.from], middle[to]), "data-from": line.from, "data-to": to,
        }));
      }
    }
    rows.forEach((item, place) => {
      const swept = item.classList.contains("swept");
      svg.append(drawn("circle", { cx: x, cy: middle[place], r: swept ? 5 : 3, class: swept ? "swept" : "" }));
    });
  };

  const light = (svg, item, on) => {
    if (!item) return;
    const place = item.id.slice("layer-".length);
    for (const line of svg.querySelectorAll(`[data-from="${place}"],[data-to="${place}"]`)) {
      line.classList.toggle("on", on);
      if (on) line.parentNode.insertBefore(line, line.parentNode.querySelector("circle"));
    }
  };

  const follow = (list, svg) => {
    const item = (event) => event.target.closest("li");
    for (const [name, on] of [["mouseover", true], ["mouseout", false], ["focusin", true], ["focusout", false]]) {
      list.addEventListener(name, (event) => light(svg, item(event), on));
    }
    list.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const links = [...list.querySelectorAll("a")];
      const next = links[links.indexOf(event.target) + step];
      if (!step || !next) return;
      event.preventDefault();
      next.focus();
    });
  };

  const summary = (network, asked) => {
    const made = network.swept.map((swept) => pictures.recipe(swept, asked));
    const [done, dead] = ["done", "dead"].map((name) => made.reduce((sum, one) => sum + one[name], 0));
    const parts = [plural(network.swept.length, "layer") + " swept", plural(network.units, "unit")];
    if (done < network.units) parts.push(`${done.toLocaleString("en")} finished`);
    parts.push(dead ? `${dead.toLocaleString("en")} dead` : "none dead");
    const [name, facts] = recipeOf(network, asked.recipe);
    parts.push(`recipe ${name}`);
    const steps = facts.find(([fact]) => fact === "steps");
    if (steps) parts.push(`${steps[1]} steps`);
    return element("p", { class: "summary" }, parts.join(" · "));
  };

  const recipeOf = (network, name) => network.recipes.find(([one]) => one === name) ?? network.recipes[0];

  // Brings a layer into view that has no page of its own, and marks it.
  const mark = (network, list, name) => {
    const item = list.children[network.layers.findIndex((layer) => layer.name === name)];
    if (!item) return;
    item.classList.add("found");
    item.setAttribute("tabindex", "-1");
    item.scrollIntoView({ block: "center" });
    item.focus({ preventScroll: true });
  };

  return {
    facts: (network, recipe) => element("dl", { class: "facts" }, ...[...network.source, ...recipeOf(network, recipe)[1]].map(
      ([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value))))),

    how: (network, recipe) =>
      element("details", {}, element("summary", {}, "Recipe, key and versions"), jaxviz.network.facts(network, recipe)),

    page: (main, network, asked, change) => {
      const waiting = new Map();
      const seen = new IntersectionObserver((entries) => {
        for (const entry of entries) {
          if (!entry.isIntersecting) continue;
          waiting.get(entry.target)();
          seen.unobserve(entry.target);
        }
      }, { rootMargin: "400px" });
      const watch = (strip, paint) => { waiting.set(strip, paint); seen.observe(strip); };
      const swept = new Map(network.swept.map((one) => [one.name, one]));
      const svg = drawn("svg", { class: "lines", "aria-hidden": "true" });
      const list = element("ol", { class: "layers" }, ...network.layers.map((layer, place) =>
        row(network, layer, place, swept.get(layer.name), asked, watch)));
      const unfinished = network.complete ? [] : [element("p", { class: "note" },
        "This sweep is not finished: what you see is what is there so far.")];
      const [recipe] = recipeOf(network, asked.recipe);
      const choice = pictures.recipes({ recipes: network.recipes.map(([name]) => ({ name })) }, recipe,
        (name) => change({ recipe: name === network.recipes[0][0] ? "" : name }));
      main.append(element("h1", { tabindex: "-1" }, network.model), summary(network, asked),
        jaxviz.atlas.links(network) ?? "", ...unfinished,
        ...(choice ? [element("div", { class: "tools still" }, choice)] : []),
        jaxviz.network.how(network, recipe), element("div", { class: "network" }, svg, list));
      const resized = new ResizeObserver(() => draw(svg, list, network));
      resized.observe(list);
      follow(list, svg);
      return {
        ...(asked.layer ? { found: () => mark(network, list, asked.layer) } : {}),
        enter: () => list.querySelector("a")?.focus(),
        leave: () => { resized.disconnect(); seen.disconnect(); },
      };
    },
  };
})();
