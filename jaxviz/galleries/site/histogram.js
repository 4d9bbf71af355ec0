// Histograms: how many images excite a unit how much -> a drawing, with the place of the unit's own picture in it.
"use strict";
jaxviz.histogram = (() => {
  const { drawn, number, plural } = jaxviz;
  const WIDTH = 560, HEIGHT = 190, LEFT = 12, RIGHT = 12, TOP = 30, BOTTOM = 42;

  // `counts` of equal bins over `range`; `reached` is the activation of the unit's picture, or null.
  return (counts, [low, high], reached) => {
    const images = counts.reduce((sum, count) => sum + count, 0);
    const first = Math.min(low, reached ?? low), last = Math.max(high, reached ?? high);
    const span = last - first || 1;
    const x = (value) => LEFT + ((value - first) / span) * (WIDTH - LEFT - RIGHT);
    const floor = HEIGHT - BOTTOM, most = Math.log1p(Math.max(...counts, 1));
    const text = `Activation on ${plural(images, "real image")}: from ${number(low)} to ${number(high)}` +
      `${reached === null ? "" : `; the picture reaches ${number(reached)}`}.`;
    const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "img", "aria-label": text });
    const wide = (x(high) - x(low)) / counts.length;
    counts.forEach((count, bin) => {
      if (!count) return;
      const tall = (Math.log1p(count) / most) * (floor - TOP);
      svg.append(drawn("rect", { class: "bin", x: x(low) + bin * wide, y: floor - tall, width: Math.max(1, wide - 1), height: tall }));
    });
    svg.append(drawn("line", { class: "rule", x1: LEFT, x2: WIDTH - RIGHT, y1: floor, y2: floor }));
    const ends = [...new Set([first, last])];
    for (const end of ends) {
      svg.append(drawn("text", { x: x(end), y: floor + 17, "text-anchor": end === first ? "start" : "end" }, number(end)));
    }
    if (reached !== null) {
      const anchor = x(reached) < WIDTH / 3 ? "start" : x(reached) > (2 * WIDTH) / 3 ? "end" : "middle";
      svg.append(drawn("line", { class: "mark", x1: x(reached), x2: x(reached), y1: TOP - 8, y2: floor }));
      svg.append(drawn("text", { class: "marked", x: x(reached), y: TOP - 14, "text-anchor": anchor }, "this picture"));
    }
    svg.append(drawn("text", { x: WIDTH / 2, y: HEIGHT - 6, "text-anchor": "middle" },
      "activation; height: number of images, logarithmic"));
    return svg;
  };
})();
