// A film: the pictures of a unit in several states of its network, with a slider and a button that plays it.
"use strict";
jaxviz.film = (() => {
  const { element, tiles } = jaxviz;
  const LARGE = 224, PAUSE = 600; // CSS pixels; milliseconds of a state

  // Nothing where no film is known. `leave` ends one that plays.
  const shown = (swept, film, unit) => {
    if (!film) return null;
    const { states, frames } = film;
    const box = element("div", { class: "frame" });
    const said = element("output", { for: "state" });
    let timer = null;
    const show = (at) => {
      box.replaceChildren(tiles.picture(swept.folder, frames, unit * states.length + at, tiles.fit(frames, LARGE), `${swept.name}:${unit}, ${states[at]}`));
      said.textContent = states[at];
      slider.value = at;
      slider.setAttribute("aria-valuetext", states[at]);
    };
    const slider = element("input", { type: "range", id: "state", min: 0, max: states.length - 1, step: 1, "aria-label": "State",
      oninput: (event) => { stop(); show(Number(event.target.value)); } });
    const stop = () => { clearInterval(timer); timer = null; button.textContent = "Play"; };
    const play = () => {
      if (timer !== null) return stop();
      if (Number(slider.value) === states.length - 1) show(0);
      button.textContent = "Pause";
      timer = setInterval(() => {
        const next = Number(slider.value) + 1;
        show(next);
        if (next === states.length - 1) stop();
      }, PAUSE);
    };
    const button = element("button", { type: "button", class: "plain", onclick: play }, "Play");
    show(states.length - 1);
    return { leave: stop, section: element("section", { id: "film" }, element("h2", {}, "In the states of the network"),
      element("p", { class: "about" }, "Each picture begins as that of the state before ended, so that what changes is the network."),
      box, element("div", { class: "tools still" }, button, slider, said)) };
  };

  return { shown };
})();
