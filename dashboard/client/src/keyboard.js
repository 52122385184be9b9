// Keys for everything an operator does often. Elements are switched with Shift and their key, so that no two keys collide.
import { toggle } from "./catalogue.js";
import { step } from "./queue.js";
import { select, state, tell } from "./state.js";

const typing = (node) => node && (node.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(node.tagName));
const press = (id) => document.getElementById(id)?.click();
const hidden = (id) => document.getElementById(id)?.hidden ?? true;

// The first push button of the ranked list: the nearest recommended unit.
function pushTop() {
  const waiting = document.documentElement.classList.contains("scene-waiting");
  if (!waiting) document.querySelector("#panel-scene .push-top")?.click();
}

// An answer to what is due on the selected incident: taking on its alarm, stopping the re-push, claiming it.
function answer(button) {
  const waiting = document.documentElement.classList.contains("panel-waiting");
  const shown = [...document.querySelectorAll(`#panel-body ${button}`)].find((one) => one.getClientRects().length);
  if (!waiting) shown?.click();
}

const KEYS = {
  j: () => step(1),
  ArrowDown: () => step(1),
  k: () => step(-1),
  ArrowUp: () => step(-1),
  Enter: () => tell("focus-selection"),
  p: pushTop,
  a: () => answer(".take-alarm"),
  s: () => answer(".stop-repush"),
  c: () => answer(".claim-key"),
  n: () => press("new-open"),
  e: () => press("catalogue-fold"),
  w: () => press("push-wall"),
  "/": () => {
    press("new-open");
    setTimeout(() => document.querySelector("#new-place input")?.focus(), 60);
  },
  "?": () => toggleHelp(),
};

export function toggleHelp(open) {
  const help = document.getElementById("help");
  help.hidden = open === undefined ? !help.hidden : !open;
}

function escape() {
  if (state.picking) tell("picking", false);
  else if (!hidden("help")) toggleHelp(false);
  else if (!hidden("claim-warning")) press("claim-warning-cancel");
  else if (!hidden("ask")) press("ask-cancel");
  else if (!hidden("classify-dialog")) press("classify-cancel");
  else if (!hidden("split-dialog")) press("split-cancel");
  else if (!hidden("locate-dialog")) press("locate-cancel");
  else if (!hidden("new-dialog")) press("new-cancel");
  else select(null);
}

export function startKeyboard() {
  const elementByKey = new Map(state.config.catalogue.flatMap((category) => category.elements.map((element) => [element.key, element.id])));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.activeElement?.blur?.();
      escape();
      return;
    }
    if (!hidden("claim-warning")) return; // it is answered before anything else
    if (event.ctrlKey || event.metaKey || event.altKey || typing(document.activeElement)) return;
    if (event.shiftKey && /^(Key|Digit)/.test(event.code)) {
      const element = elementByKey.get(event.code.replace(/^(Key|Digit)/, "").toLowerCase());
      if (element) {
        toggle(element);
        event.preventDefault();
      }
      return;
    }
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  document.getElementById("help-open").addEventListener("click", () => toggleHelp());
  document.getElementById("help").addEventListener("click", () => toggleHelp(false));
}
