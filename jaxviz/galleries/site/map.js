// A map: the pictures of an atlas on a canvas that pans and zooms by mouse, touch and keys.
"use strict";
jaxviz.map = (() => {
  const { element, files } = jaxviz;
  const LARGEST = 512; // CSS pixels of a cell's side
  const FINER = 96; // CSS pixels of a cell from which on the next level, of finer cells, is shown
  const STEP = 1.3; // of the zoom, by a key or a button
  const MARGIN = 12; // CSS pixels around the whole
  const PIXELS = 96; // pictures with sides of no more pixels are shown pixel by pixel
  const STILL = 4; // CSS pixels that a pointer may move within a click

  // The world is the unit square. `chosen(level, cell)` is called when a cell is opened, `moved(level, cell)` when one
  // becomes active; a cell is its number in its level, or null.
  return (atlas, { chosen, moved, label }) => {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const host = element("div", {
      class: "map", tabindex: "0", role: "application", "aria-roledescription": "map", "aria-label": label,
      "aria-describedby": "map-keys",
    }, canvas);
    const images = new Map(); // by address, those that are loaded or loading
    const cells = atlas.levels.map(({ places }) => new Map(places.map(([row, column], at) => [`${row},${column}`, at])));
    const pointers = new Map();
    let scale = 0, left = 0, top = 0; // CSS pixels of the world's side, and where it begins
    let width = 0, height = 0, waiting = 0, apart = 0, travelled = 0;
    let level = 0, active = null;

    const sideOf = (at) => atlas.levels[at].pyramid.side;
    const least = () => Math.max(16, Math.min(width, height) - 2 * MARGIN);
    const most = () => LARGEST * sideOf(atlas.levels.length - 1);

    const soon = () => { waiting ||= requestAnimationFrame(draw); };

    const fitted = () => { scale = least(); left = (width - scale) / 2; top = (height - scale) / 2; };
    // The middle of the view stays on the world; the smallest world is in the middle of the view.
    const bound = () => {
      scale = Math.min(most(), scale);
      if (scale <= least()) return fitted();
      const keep = (begin, room) => Math.min(room / 2, Math.max(room / 2 - scale, begin));
      left = keep(left, width);
      top = keep(top, height);
      return undefined;
    };
    const zoomAt = (factor, x, y) => {
      const before = scale;
      scale = Math.max(least(), Math.min(most(), scale * factor));
      left = x - ((x - left) * scale) / before;
      top = y - ((y - top) * scale) / before;
      bound();
      soon();
    };

    // The finest level whose cells, of the level before, are large enough.
    const levelNow = () => {
      let at = 0;
      while (at + 1 < atlas.levels.length && scale / sideOf(at) >= FINER) at++;
      return at;
    };

    const image = (name) => {
      if (!images.has(name)) {
        const made = new Image();
        made.onload = soon;
        made.src = `${files}/${atlas.folder}/${name}.png`;
        images.set(name, made);
      }
      const found = images.get(name);
      return found.complete && found.naturalWidth ? found : null;
    };

    // Draws a tile; while it is loading, the part of a coarser one that has the same pixels.
    const paint = (context, pyramid, step, row, column, x, y, size) => {
      for (let up = 0; step + up < pyramid.scales.length; up++) {
        const [above, beside] = [Math.floor(row / 2 ** up), Math.floor(column / 2 ** up)];
        const found = image(`${pyramid.name}-${step + up}-${above}-${beside}`);
        if (!found) continue;
        const part = [found.naturalWidth / 2 ** up, found.naturalHeight / 2 ** up];
        context.drawImage(found, (column % 2 ** up) * part[0], (row % 2 ** up) * part[1], ...part, x, y, size, size);
        return;
      }
    };

    const drawLevel = (context, ratio) => {
      const { pyramid } = atlas.levels[level];
      const cell = scale / pyramid.side;
      const shrink = Math.max(pyramid.width, pyramid.height) / (cell * ratio);
      const step = Math.max(0, Math.min(pyramid.scales.length - 1, Math.floor(Math.log2(Math.max(1, shrink)))));
      const size = cell * pyramid.across * 2 ** step;
      context.imageSmoothingEnabled = shrink > 0.67 || pyramid.width > PIXELS;
      context.imageSmoothingQuality = "high";
      for (const [row, column] of pyramid.scales[step] ?? []) {
        const [x, y] = [left + column * size, top + row * size];
        if (x < width && y < height && x + size > 0 && y + size > 0) paint(context, pyramid, step, row, column, x, y, size);
      }
    };

    const draw = () => {
      waiting = 0;
      const ratio = window.devicePixelRatio || 1;
      const sides = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width !== sides[0] || canvas.height !== sides[1]) [canvas.width, canvas.height] = sides;
      const context = canvas.getContext("2d");
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      const now = levelNow();
      if (now !== level) {
        level = now;
        active = null;
      }
      drawLevel(context, ratio);
      if (active !== null) mark(context);
    };

    const mark = (context) => {
      const { places, pyramid } = atlas.levels[level];
      const [row, column] = places[active];
      const side = scale / pyramid.side;
      const box = [left + column * side, top + row * side, side, side];
      const { backgroundColor, color } = getComputedStyle(canvas);
      for (const [wide, colour] of [[6, backgroundColor], [3, color]]) {
        context.lineWidth = wide;
        context.strokeStyle = colour;
        context.strokeRect(...box);
      }
    };

    const at = (x, y) => {
      const side = scale / sideOf(level);
      return cells[level].get(`${Math.floor((y - top) / side)},${Math.floor((x - left) / side)}`) ?? null;
    };
    const inView = () => {
      const [row, column] = atlas.levels[level].places[active];
      const side = scale / sideOf(level);
      const into = (begin, place, room) => {
        const here = begin + place * side;
        if (here < MARGIN) return begin + MARGIN - here;
        return here + side > room - MARGIN ? begin - (here + side - room + MARGIN) : begin;
      };
      left = into(left, column, width);
      top = into(top, row, height);
    };
    const activate = (cell) => {
      if (cell === null) return;
      active = cell;
      inView();
      bound();
      soon();
      moved(level, cell);
    };

    // The nearest cell in a direction: in the same row or column if there is one, else the nearest in that half.
    const towards = (down, across) => {
      const { places } = atlas.levels[level];
      const middle = [(height / 2 - top) / scale, (width / 2 - left) / scale].map((part) => part * sideOf(level) - 0.5);
      const [row, column] = active === null ? middle : places[active];
      let best = null, nearest = Infinity;
      places.forEach(([y, x], cell) => {
        const [ahead, aside] = [(y - row) * down + (x - column) * across, Math.abs((y - row) * across) + Math.abs((x - column) * down)];
        const distance = active === null ? Math.hypot(y - row, x - column) : ahead > 0.5 ? ahead + 3 * aside : Infinity;
        if (distance < nearest) [best, nearest] = [cell, distance];
      });
      return best;
    };

    const zoom = (direction) => {
      if (active === null) return zoomAt(STEP ** direction, width / 2, height / 2);
      const [row, column] = atlas.levels[level].places[active];
      const side = scale / sideOf(level);
      return zoomAt(STEP ** direction, left + (column + 0.5) * side, top + (row + 0.5) * side);
    };

    const local = (event) => {
      const box = host.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const spread = () => {
      const [a, b] = [...pointers.values()];
      return Math.hypot(a[0] - b[0], a[1] - b[1]);
    };

    host.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoomAt(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), ...local(event));
    }, { passive: false });
    host.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      host.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, local(event));
      travelled = pointers.size > 1 ? Infinity : 0;
      if (pointers.size === 2) apart = spread();
    });
    host.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const here = local(event);
      pointers.set(event.pointerId, here);
      const share = 1 / pointers.size;
      left += (here[0] - before[0]) * share;
      top += (here[1] - before[1]) * share;
      travelled += Math.hypot(here[0] - before[0], here[1] - before[1]);
      if (pointers.size === 2) {
        const [a, b] = [...pointers.values()];
        zoomAt(spread() / Math.max(1, apart), (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
        apart = spread();
      }
      bound();
      soon();
    });
    const lifted = (event) => {
      const place = pointers.get(event.pointerId);
      pointers.delete(event.pointerId);
      if (!place || event.type !== "pointerup" || travelled > STILL || pointers.size) return;
      const cell = at(...place);
      if (cell === null) return;
      activate(cell);
      chosen(level, cell);
    };
    host.addEventListener("pointerup", lifted);
    host.addEventListener("pointercancel", lifted);
    host.addEventListener("dblclick", (event) => zoomAt(STEP ** 2, ...local(event)));
    host.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const does = {
        ArrowLeft: () => activate(towards(0, -1)), ArrowRight: () => activate(towards(0, 1)),
        ArrowUp: () => activate(towards(-1, 0)), ArrowDown: () => activate(towards(1, 0)),
        Enter: () => active !== null && chosen(level, active), " ": () => active !== null && chosen(level, active),
        Home: () => { fitted(); active = null; soon(); },
      }[event.key];
      if (!does) return;
      event.preventDefault();
      does();
    });
    const resized = new ResizeObserver(() => {
      const first = !width;
      [width, height] = [host.clientWidth, host.clientHeight];
      if (first) fitted();
      bound();
      soon();
    });
    resized.observe(host);

    return {
      host, zoom,
      whole: () => { fitted(); active = null; soon(); },
      // Shows a cell of a level, near enough that the level is the one that is drawn.
      show: (wanted, cell) => {
        [width, height] = [host.clientWidth, host.clientHeight];
        if (wanted) scale = Math.max(scale, FINER * sideOf(wanted - 1));
        if (wanted < atlas.levels.length - 1) scale = Math.min(scale, FINER * sideOf(wanted) - 1);
        scale = Math.max(least(), scale);
        level = levelNow();
        if (level === wanted) activate(cell);
      },
      leave: () => { resized.disconnect(); cancelAnimationFrame(waiting); },
      // For those who look at it from outside, such as tests.
      view: () => ({ scale, left, top, level, active }),
    };
  };
})();
