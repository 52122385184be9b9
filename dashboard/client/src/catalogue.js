// The catalogue panel: which elements are drawn, how many there are, how old the newest is.
import { inNextFrame } from "./draw.js";
import { fleet } from "./fleet.js";
import { isElement, newestAgeS } from "./elements.js";
import { isOpen } from "./live.js";
import { on, state, tell } from "./state.js";
import { age, count, t } from "./words.js";

const rows = () => document.querySelectorAll("#catalogue [data-element]");

export function startCatalogue(initial) {
  state.on = new Set(initial);
  for (const row of rows()) row.addEventListener("click", () => toggle(row.dataset.element));
  document.getElementById("catalogue-fold").addEventListener("click", () => document.getElementById("catalogue").classList.toggle("folded"));
  const soon = inNextFrame(draw);
  for (const topic of ["counts", "fleet", "incidents-replaced"]) on(topic, soon);
  setInterval(draw, 2_000);
  draw();
}

export function toggle(element) {
  if (state.on.has(element)) state.on.delete(element);
  else state.on.add(element);
  draw();
  tell("switches");
}

function numbers(id) {
  if (id === "incident") {
    const open = [...state.incidents.values()].filter(isOpen).length;
    return { count: open, state: state.connected ? "live" : "stale" };
  }
  if (!isElement(id)) {
    let units = 0;
    for (let index = 0; index < fleet.count; index += 1) if (fleet.rows[index]?.kind === id) units += 1;
    // How many of them this page sees is its own; how old their news is, the server says.
    return { count: units, state: state.connected ? (state.counts[id]?.state ?? "live") : "stale" };
  }
  return state.counts[id] || { count: null, state: "no_feed" };
}

// Text that is the same is left alone: each new one has the page laid out again.
function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function draw() {
  for (const row of rows()) {
    const id = row.dataset.element;
    const { count: number, state: feed } = numbers(id);
    row.setAttribute("aria-pressed", String(state.on.has(id)));
    row.dataset.state = feed;
    put(row.querySelector(".count"), feed === "no_feed" || number === null ? t("no feed") : count(number));
    const ageS = newestAgeS(id);
    const said = { no_feed: "", static: "", live: Number.isFinite(ageS) ? age(ageS) : "", stale: Number.isFinite(ageS) ? t("old: {age}", { age: age(ageS) }) : t("old") }[feed] ?? "";
    put(row.querySelector(".feed-state"), said);
  }
}
