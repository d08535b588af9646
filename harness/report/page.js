// Sorts and filters tables, switches the lines of figures, changes between light and dark. Whatever
// the page has to say stands there without it.
"use strict";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- Sorting: the rows of a tbody stay together and go by their first row;
// what is equal there goes by name.

const numberIn = text => parseFloat(text.replaceAll(",", "").replace("∞", "Infinity"));

const keyOf = (body, column, isText) => {
  const cell = body.rows[0].cells[column];
  if (isText) return cell.textContent;
  return cell.dataset.value === undefined ? numberIn(cell.textContent) : Number(cell.dataset.value);
};

const compare = (a, b, isText) => (isText ? a.localeCompare(b, "en", { numeric: true }) : a - b);

const nameOf = body => body.rows[0].cells[0].textContent;

const missing = key => key === "" || Number.isNaN(key);

function sortTable(table, head, order) {
  const column = head.cellIndex;
  const isText = head.classList.contains("text");
  const sign = order === "descending" ? -1 : 1;
  const keys = new Map(all("tbody", table).map(body => [body, keyOf(body, column, isText)]));
  const sorted = order === "none" ? table.asWritten : [...table.asWritten].sort((a, b) => {
    const [x, y] = [keys.get(a), keys.get(b)];
    if (missing(x) || missing(y)) return missing(x) - missing(y); // last, in either order
    return sign * compare(x, y, isText) || compare(nameOf(a), nameOf(b), true);
  });
  table.append(...sorted);
  for (const other of all("thead th", table)) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", order);
}

const next = { none: "ascending", ascending: "descending", descending: "none" };

for (const table of all("table")) {
  table.asWritten = [...table.tBodies];
  for (const head of all("thead th", table)) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => sortTable(table, head, next[head.getAttribute("aria-sort")]));
  }
}

// --- Filtering: rows that have every word, in all tables at once.

const bodies = all("main tbody").map(body => ({ body, text: body.textContent.toLowerCase() }));
const search = document.querySelector(".filter input");

search.addEventListener("input", () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { body, text } of bodies) body.hidden = !words.every(word => text.includes(word));
  for (const box of all(".scroll")) box.hidden = words.length > 0 && !box.querySelector("tbody:not([hidden])");
  const left = bodies.filter(({ body }) => !body.hidden).length;
  document.querySelector(".count").value = words.length ? `${left} of ${bodies.length} rows` : "";
});

// --- Figures: each line of a legend switches what it stands for.

function show(figure, button, shown) {
  button.setAttribute("aria-pressed", shown);
  for (const part of all(`svg[role="img"] [data-line="${button.dataset.line}"]`, figure)) {
    part.classList.toggle("off", !shown);
  }
}

for (const figure of all("figure")) {
  const lines = all("[aria-pressed]", figure);
  for (const line of lines) {
    line.addEventListener("click", () => show(figure, line, line.getAttribute("aria-pressed") !== "true"));
  }
  for (const button of all("[data-all]", figure)) {
    button.addEventListener("click", () => lines.forEach(line => show(figure, line, button.dataset.all === "true")));
  }
}

// --- Light and dark: as the system has it, until somebody asks for the other.

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = document.querySelector(".theme");
const root = document.documentElement;
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
const sayTheme = () => theme.setAttribute("aria-pressed", isDark());

theme.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  sayTheme();
});
dark.addEventListener("change", sayTheme);
sayTheme();

// --- The contents have served once somebody goes there.

const contents = document.getElementById("contents");
contents.addEventListener("click", event => event.target.closest("a") && contents.hidePopover());

// --- Paper has nothing to unfold.

addEventListener("beforeprint", () => all("main > details").forEach(details => (details.open = true)));
