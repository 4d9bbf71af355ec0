// Tiles: a place on a layer's sheets -> an element that shows that part of a PNG file, or says that there is none.
"use strict";
jaxviz.tiles = (() => {
  const { element, files } = jaxviz;
  const SEAM = 2; // CSS pixels between the pictures of a mosaic

  // Shows a tile in a box of the given size, in CSS pixels.
  const paint = (box, folder, sheets, place, width, height) => {
    const each = sheets.columns * sheets.rows;
    const sheet = Math.floor(place / each);
    const column = place % each % sheets.columns;
    const row = Math.floor((place % each) / sheets.columns);
    const [across, down] = [width / sheets.width, height / sheets.height];
    const [whole, tall] = sheets.sizes[sheet];
    const style = box.style;
    style.backgroundImage = `url("${files}/${folder}/${sheets.name}-${String(sheet).padStart(3, "0")}.png")`;
    style.backgroundSize = `${whole * across}px ${tall * down}px`;
    style.backgroundPosition =
      `${-(column * (sheets.width + 2 * sheets.edge) + sheets.edge) * across}px ` +
      `${-(row * (sheets.height + 2 * sheets.edge) + sheets.edge) * down}px`;
    // Small pictures are shown pixel by pixel; those shrunk, or of many pixels, smoothly.
    style.imageRendering = across >= 1.5 && Math.max(sheets.width, sheets.height) <= 96 ? "pixelated" : "auto";
  };

  // The height of a tile of that width; a band of numbers is not let vanish.
  const tallness = (sheets, width) => (sheets ? Math.max(8, Math.round((width * sheets.height) / sheets.width)) : width);

  // A box with a picture, or crossed out where there is none.
  const picture = (folder, sheets, place, width, label) => {
    const there = sheets && place !== null && place !== undefined;
    const height = tallness(sheets, width);
    const box = element("span", {
      class: there ? "picture" : "picture none",
      role: label ? "img" : null,
      "aria-label": label ? (there ? label : `${label}: no picture`) : null,
      "aria-hidden": label ? null : "true",
    });
    box.style.width = `${width}px`;
    box.style.height = `${height}px`;
    if (there) paint(box, folder, sheets, place, width, height);
    return box;
  };

  // Four pictures in a square, where there are four; else the first.
  const mosaic = (folder, sheets, places, width) => {
    if (places.length < 4) return picture(folder, sheets, places[0] ?? null, width);
    const box = element("span", { class: "mosaic", "aria-hidden": "true" });
    box.style.width = `${width}px`;
    const side = (width - SEAM) / 2;
    box.append(...places.slice(0, 4).map((place) => picture(folder, sheets, place, side)));
    return box;
  };

  // The largest width that shows whole pixels, at most so wide and no wider than the window; or a third of it.
  const fit = (sheets, most, abreast = 1) => {
    const window = document.documentElement.clientWidth - 32;
    const room = Math.min(most, Math.floor((window - (abreast - 1) * 16) / abreast));
    const native = sheets ? sheets.width : room;
    return native <= room ? Math.floor(room / native) * native : room;
  };

  return { fit, mosaic, picture, tallness };
})();
