// Dark or light: what the system prefers until the reader chooses, then what was chosen. Runs before the first paint.
"use strict";
(() => {
  const KEY = "jaxviz-gallery-theme";
  const prefers = window.matchMedia("(prefers-color-scheme: dark)");
  const read = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const keep = (theme) => { try { localStorage.setItem(KEY, theme); } catch { /* nowhere to keep it */ } };
  const now = () => document.documentElement.dataset.theme || (prefers.matches ? "dark" : "light");
  const chosen = read();
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const name = () => { button.textContent = now() === "dark" ? "Light" : "Dark"; };
    button.title = "Dark or light";
    button.addEventListener("click", () => {
      document.documentElement.dataset.theme = now() === "dark" ? "light" : "dark";
      keep(document.documentElement.dataset.theme);
      name();
    });
    prefers.addEventListener("change", name);
    name();
  });
})();
