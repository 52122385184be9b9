// The command line: typed here, read and completed by the server (operations/incidents/command_line.py), sent like any button's command.
import { basemap, moveCamera } from "./basemap.js";
import { select, setProps, state, tell } from "./state.js";
import { t } from "./words.js";

const PAUSE_MS = 60; // between keys that are asked about
const MOST_KEPT = 50;

const part = (name) => document.getElementById(name);
let input = null;
let offer = null; // the server's newest, for the very text that stands there
let chosen = 0; // of the offer's choices
let hasMoved = false; // by ↓ or ↑ since the offer came: Enter takes the choice instead of sending the line
let asked = null; // {text, version} of a line that is to be confirmed by another Enter
let waiting = 0;
let sent = 0;
let unanswered = null; // the line that was sent last, until its answer comes: once more under the same number, so that it is not done twice
const history = []; // earlier lines of this page, newest last; kept nowhere else, because they may name persons
let at = 0; // place in the history; its length: the line being written
let draft = "";

export const isLineOpen = () => !part("line").hidden;

export function openLine() {
  part("line").hidden = false;
  write("");
  at = history.length;
  input.focus();
}

export function closeLine() {
  part("line").hidden = true;
  offer = asked = null;
  draw();
  note("");
  input.blur();
}

export function startLine() {
  input = document.createElement("input");
  Object.assign(input, { type: "text", autocomplete: "off", spellcheck: false, maxLength: 1000, placeholder: t("push 3 A12 · close 3 settled · note 3 … · goto …") });
  input.setAttribute("aria-label", t("Command line"));
  input.setAttribute("aria-controls", "line-list");
  part("line-field").append(input);
  input.addEventListener("input", () => {
    at = history.length;
    changed();
  });
  input.addEventListener("keydown", key);
  part("line-list").addEventListener("mousedown", (event) => {
    const row = event.target.closest("li");
    event.preventDefault(); // the input keeps the keys
    if (row) take(Number(row.dataset.at));
  });
}

function key(event) {
  if (event.isComposing) return; // an input method is at work on Chinese characters
  const act = { Tab: () => take(chosen), Enter: () => (hasMoved ? take(chosen) : send()), ArrowDown: () => move(1), ArrowUp: () => move(-1) }[event.key];
  if (!act) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

// Through earlier lines while nothing has been typed, else through what is offered.
function move(by) {
  const isInHistory = at < history.length || input.value === "";
  if (isInHistory && history.length) {
    if (at === history.length) draft = input.value;
    at = Math.min(history.length, Math.max(0, at + by));
    write(at === history.length ? draft : history[at]);
  } else if (offer?.choices.length) {
    chosen = hasMoved ? (chosen + by + offer.choices.length) % offer.choices.length : by > 0 ? 0 : offer.choices.length - 1;
    hasMoved = true;
    draw();
  }
}

function write(text) {
  input.value = text;
  changed();
}

function changed() {
  offer = asked = null;
  hasMoved = false;
  note("");
  draw();
  clearTimeout(waiting);
  waiting = setTimeout(() => setProps("line-typed", { data: { text: input.value, selected: selectedIncident(), at: Date.now() } }), PAUSE_MS);
}

const selectedIncident = () => (state.selection?.kind === "incident" ? state.selection.incident_id : null);

function take(index) {
  const choice = offer?.choices[index];
  if (!choice) return;
  at = history.length;
  write(`${input.value.slice(0, offer.start)}${choice.insert} `);
}

function send() {
  const text = input.value.trim();
  if (!text) return;
  const confirmed = asked?.text === text ? asked.version : null;
  clearTimeout(waiting);
  const line = JSON.stringify([text, selectedIncident(), confirmed]);
  if (line !== unanswered) sent += 1;
  unanswered = line;
  setProps("line-sent", { data: { text, selected: selectedIncident(), confirmed, n: sent } });
}

export function lineOffered(found) {
  if (!found || !isLineOpen() || found.text !== input.value) return;
  offer = found;
  chosen = 0;
  hasMoved = false;
  draw();
}

export function lineAnswered(answer) {
  if (!answer || answer.n !== sent) return;
  unanswered = null;
  const text = input.value.trim();
  if (answer.kind === "bad") return note(answer.text, "bad");
  if (answer.kind === "ask") {
    asked = { text, version: answer.version };
    return note(answer.text, "ask");
  }
  if (history.at(-1) !== text) history.push(text);
  if (history.length > MOST_KEPT) history.shift();
  closeLine();
  if (answer.text) tell("toast", answer);
  if (answer.go) moveCamera({ ...answer.go, zoom: Math.max(15, basemap.map.getZoom()) });
  if (answer.watch) tell("watch-camera", answer.watch);
  if (answer.select) select(answer.select);
}

function note(text, kind = "") {
  part("line-note").textContent = text;
  part("line-note").className = `line-note ${kind}`;
}

function draw() {
  const list = part("line-list");
  list.replaceChildren();
  if (offer?.syntax) {
    const syntax = document.createElement("li");
    syntax.className = "syntax";
    syntax.textContent = offer.syntax;
    list.append(syntax);
  }
  for (const [index, choice] of (offer?.choices || []).entries()) {
    const row = document.createElement("li");
    row.dataset.at = index;
    row.setAttribute("role", "option");
    row.setAttribute("aria-selected", String(index === chosen));
    for (const [name, text] of [["word", choice.insert], ["also", choice.also], ["detail", choice.detail]]) {
      const span = document.createElement("span");
      span.className = name;
      span.textContent = text;
      row.append(span);
    }
    list.append(row);
  }
}
