// Walls: thousands of tiles in a column of rows, of which only those near the window exist.
"use strict";
jaxviz.wall = (() => {
  const { element, tiles } = jaxviz;
  const GAP = 10, WIDEST = 28, CAPTION = 20, BEYOND = 500; // CSS pixels
  const BUDGET = 6; // milliseconds of a frame for new rows
  const CAPTIONED = 44; // what is less wide has no caption

  // `units` are a layer's columns, `shown` the pictures of each row; `caption(at)` and `label(at)` are texts of it.
  return (units, shown, { caption, label, href, width, moved }) => {
    const host = element("div", { class: "wall", role: "list" });
    const rows = new Map(); // by number, those that exist
    let order = [], active = 0, columns = 1, line = 1, wide = 0, waiting = 0;

    const measure = () => {
      wide = host.clientWidth;
      columns = Math.max(1, Math.floor((host.clientWidth + GAP) / (width + GAP)));
      // Rows reach from edge to edge, unless too few tiles fit.
      const spare = columns > 1 ? (host.clientWidth - columns * width) / (columns - 1) : GAP;
      host.style.setProperty("--gap", `${Math.min(WIDEST, spare)}px`);
      line = tiles.tallness(shown.sheets, width) + GAP + (width < CAPTIONED ? 0 : CAPTION);
      host.style.setProperty("--line", `${line}px`);
      host.style.height = `${Math.ceil(order.length / columns) * line}px`;
    };

    const tile = (place) => {
      const at = order[place];
      const link = element("a", {
        class: units.places[at] === null ? "tile dead" : "tile", href: href(at), "aria-label": label(at),
        tabindex: place === active ? "0" : "-1", "data-place": place,
      }, tiles.mosaic(shown.folder, shown.sheets, shown.places(at) ?? [], width));
      if (width >= CAPTIONED) link.append(element("span", { class: "caption" }, caption(at)));
      const item = element("div", { role: "listitem", "aria-setsize": order.length, "aria-posinset": place + 1 }, link);
      item.style.width = `${width}px`;
      return item;
    };

    const build = (number) => {
      const made = element("div", { class: "row", role: "presentation" });
      made.style.transform = `translateY(${number * line}px)`;
      const last = Math.min(order.length, (number + 1) * columns);
      for (let place = number * columns; place < last; place++) made.append(tile(place));
      return made;
    };

    // Rows stand in the document in their order, which is how they are read aloud.
    const insert = (number) => {
      const after = [...rows.keys()].filter((other) => other > number);
      const made = build(number);
      host.insertBefore(made, after.length ? rows.get(Math.min(...after)) : null);
      rows.set(number, made);
    };

    // Makes the rows near the window, those in it first, and stops when the milliseconds are over: whoever turns the
    // wall faster than this machine can draw sees gaps for a moment, but nothing halts.
    const show = (budget) => {
      const until = performance.now() + budget;
      const top = host.getBoundingClientRect().top;
      const count = Math.ceil(order.length / columns);
      const between = (low, high) => {
        const first = Math.max(0, Math.floor((low - top) / line));
        const last = Math.min(count - 1, Math.floor((high - top) / line));
        return Array.from({ length: Math.max(0, last - first + 1) }, (_, place) => first + place);
      };
      const wanted = new Set([
        ...(count ? [Math.floor(active / columns)] : []), // it may have the focus
        ...between(0, window.innerHeight), ...between(-BEYOND, window.innerHeight + BEYOND),
      ]);
      for (const [number, made] of rows) {
        if (wanted.has(number)) continue;
        made.remove();
        rows.delete(number);
      }
      for (const number of wanted) {
        if (rows.has(number)) continue;
        if (performance.now() > until) { soon(); return; }
        insert(number);
      }
    };
    const soon = () => {
      waiting ||= requestAnimationFrame(() => {
        waiting = 0;
        show(BUDGET);
      });
    };

    const again = () => {
      const held = host.contains(document.activeElement);
      host.replaceChildren();
      rows.clear();
      measure();
      show(Infinity);
      if (held) focus();
    };

    const linkOf = (place) => host.querySelector(`[data-place="${place}"]`);
    const activate = (place) => {
      linkOf(active)?.setAttribute("tabindex", "-1");
      active = Math.max(0, Math.min(order.length - 1, place));
      show(Infinity);
      linkOf(active)?.setAttribute("tabindex", "0");
      if (order.length) moved(units.units[order[active]]);
    };
    const focus = () => {
      activate(active);
      const link = linkOf(active);
      link?.scrollIntoView({ block: "nearest" });
      link?.focus({ preventScroll: true });
    };

    host.addEventListener("focusin", (event) => {
      const place = Number(event.target.closest(".tile").dataset.place);
      if (place !== active) activate(place);
    });
    host.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns };
      const ends = { Home: -order.length, End: order.length };
      const step = steps[event.key] ?? ends[event.key];
      if (step === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const there = active + step;
      if (event.key in steps && (there < 0 || there >= order.length)) return;
      activate(there);
      focus();
    });
    window.addEventListener("scroll", soon, { passive: true });
    // A window that grows wider has other rows; one that merely becomes taller has more.
    const resized = new ResizeObserver(() => { if (host.clientWidth !== wide) again(); });
    resized.observe(host);
    window.addEventListener("resize", soon);

    return {
      host, focus,
      // Shows these units, as rows of the columns, and keeps the one that was active if it is among them.
      arrange: (rowsOfUnits, unit) => {
        order = rowsOfUnits;
        active = Math.max(0, order.findIndex((at) => units.units[at] === unit));
        again();
      },
      zoom: (wanted) => {
        width = wanted;
        again();
      },
      leave: () => {
        window.removeEventListener("scroll", soon);
        window.removeEventListener("resize", soon);
        resized.disconnect();
        cancelAnimationFrame(waiting);
      },
    };
  };
})();
