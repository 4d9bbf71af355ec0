// What all pages share: the data, loaded script by script as it is needed; elements; numbers; addresses.
"use strict";
const jaxviz = (() => {
  const files = document.documentElement.dataset.files;
  const data = new Map(); // by name, what a script has handed over
  const loading = new Map(); // by name, a promise of it

  const put = (name, value) => { data.set(name, value); };

  // A page opened from the file system may read no file but a script.
  const load = (name) => {
    if (!loading.has(name)) {
      loading.set(name, data.has(name) ? Promise.resolve(data.get(name)) : new Promise((resolve, reject) => {
        const script = document.createElement("script");
        script.src = `${files}/${name}.js`;
        script.onload = () => { script.remove(); resolve(data.get(name)); };
        script.onerror = () => {
          script.remove();
          loading.delete(name);
          reject(new Error(`${script.getAttribute("src")} cannot be read: write the gallery again`));
        };
        document.head.append(script);
      }));
    }
    return loading.get(name);
  };

  // Text is always set as text: names of models and layers are anybody's.
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.filter((child) => child != null));
    return made;
  };
  const drawn = (tag, attributes = {}, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  const number = (value) => {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(2).replace("-", "−").replace("e+", "e");
    return String(Number(value.toPrecision(4))).replace("-", "−");
  };
  const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
  // What a layer gives for one image, where that is more than a number of units.
  const shape = (sides) => (sides.length > 1 ? [sides.join(" × ")] : []);

  // A name that no address can hold, empty or with half a character, stands there as "~" and its code units.
  const encode = (part) => {
    const text = String(part);
    try {
      if (text) return encodeURIComponent(text).replace(/^~/, "%7E");
    } catch { /* half a character */ }
    return `~${Array.from({ length: text.length }, (_, at) => text.charCodeAt(at).toString(16).padStart(4, "0")).join("")}`;
  };
  const decode = (part) => (part.startsWith("~")
    ? (part.match(/[0-9a-f]{4}/g) ?? []).map((unit) => String.fromCharCode(parseInt(unit, 16))).join("")
    : decodeURIComponent(part));
  // What a page shows of a layer stands behind "?" in its address, so that it survives a reload and can be passed on.
  const address = (names, asked = {}) => {
    const query = new URLSearchParams(Object.entries(asked).filter(([, value]) => value)).toString();
    return `#/${names.map(encode).join("/")}${query ? `?${query}` : ""}`;
  };
  const place = () => {
    const [path, ...query] = location.hash.replace(/^#\/?/, "").split("?");
    const asked = Object.fromEntries(new URLSearchParams(query.join("?")));
    try {
      return { names: path.split("/").filter(Boolean).map(decode), asked };
    } catch {
      return { names: [location.hash], asked }; // no address of ours
    }
  };

  // Settings that outlast the page, where the browser lets them.
  const recall = (name, otherwise) => {
    try { return localStorage.getItem(`jaxviz-gallery-${name}`) ?? otherwise; } catch { return otherwise; }
  };
  const keep = (name, value) => {
    try { localStorage.setItem(`jaxviz-gallery-${name}`, value); } catch { /* they do not last then */ }
  };
  const say = (text) => { document.getElementById("said").textContent = text; };

  // What a unit is called where its layer's units are classes: the first word of the class's name.
  const named = (network, layer, unit) => (network.classes.layers.includes(layer)
    ? (network.classes.names[unit] ?? "").split(", ")[0] : "");

  return { files, data, put, load, element, drawn, number, plural, shape, address, place, named, recall, keep, say };
})();
