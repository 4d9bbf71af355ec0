// Curves: steps and scores -> a drawing with axes, and the same in words.
"use strict";
jaxviz.curve = (() => {
  const { drawn, element, number } = jaxviz;
  const WIDTH = 560, HEIGHT = 240, LEFT = 58, RIGHT = 12, TOP = 12, BOTTOM = 42;

  // Round numbers that divide a range into about so many parts.
  const ticks = (low, high, count) => {
    const rough = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) || rough;
    const found = [];
    for (let n = Math.ceil(low / step); n * step <= high + step * 1e-6 && found.length < 20; n++) found.push(n * step);
    return found;
  };

  const words = (steps, scores) => {
    const known = scores.filter((score) => score !== null);
    if (!known.length) return "The score was never a number.";
    const last = steps[steps.length - 1];
    return `Score by step: ${number(scores[0])} at step ${steps[0]}, ${number(scores[scores.length - 1])} at step ` +
      `${last}; lowest ${number(Math.min(...known))}, highest ${number(Math.max(...known))}.`;
  };

  return (steps, scores) => {
    const known = scores.filter((score) => score !== null);
    const text = words(steps, scores);
    if (!known.length) return element("p", {}, text);
    let low = Math.min(...known), high = Math.max(...known);
    if (low === high) { low -= Math.abs(low) / 2 || 1; high += Math.abs(high) / 2 || 1; }
    const first = steps[0], last = Math.max(steps[steps.length - 1], first + 1);
    const x = (step) => LEFT + ((step - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
    const y = (score) => TOP + ((high - score) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "curve", role: "img", "aria-label": text });
    for (const tick of ticks(low, high, 4)) {
      svg.append(drawn("line", { class: "rule", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }));
      svg.append(drawn("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, number(tick)));
    }
    for (const tick of ticks(first, last, 6).filter(Number.isInteger)) {
      svg.append(drawn("text", { x: x(tick), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, String(tick)));
    }
    svg.append(drawn("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, "step"));
    svg.append(drawn("text", {
      x: 12, y: (TOP + HEIGHT - BOTTOM) / 2, "text-anchor": "middle",
      transform: `rotate(-90 12 ${(TOP + HEIGHT - BOTTOM) / 2})`,
    }, "score"));
    let path = "", pen = "M";
    steps.forEach((step, place) => {
      if (scores[place] === null) { pen = "M"; return; }
      path += `${pen}${x(step).toFixed(1)} ${y(scores[place]).toFixed(1)}`;
      pen = "L";
    });
    svg.append(drawn("path", { class: "line", d: path }));
    return svg;
  };
})();
