// Keys for everything an operator does often. Elements are switched with Shift and their key, so that no two keys collide.
import { toggle } from "./catalogue.js";
import { circleKey } from "./duty_circles.js";
import { openCoverage, toggleGaps } from "./coverage.js";
import { closeLine, isLineOpen, openLine } from "./line.js";
import { endPursuit, isPursuing } from "./pursuit.js";
import { step } from "./queue.js";
import { bookmarkKey, closeKey, enlargeNext, followKey, fullScreenKey, leaveLarge, liveKey, lookBackKey, turnKey } from "./video/desk.js";
import { isSupposing, leaveWhatIf, toggleWhatIf } from "./whatif.js";
import { select, state, tell } from "./state.js";
import { timeBarKeys } from "./time_bar.js";
import { t } from "./words.js";

const typing = (node) => node && (node.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(node.tagName));
const press = (id) => document.getElementById(id)?.click();
const hidden = (id) => document.getElementById(id)?.hidden ?? true;

// The first push button of the ranked list: the nearest recommended unit.
function pushTop() {
  const waiting = document.documentElement.classList.contains("scene-waiting");
  if (!waiting) document.querySelector("#panel-scene .push-top")?.click();
}

// An answer to what the selected incident's panel asks: taking on its alarm, stopping the re-push, claiming it, the same incident or not.
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
  m: () => answer(".merge-same"),
  d: () => answer(".tell-apart"),
  o: () => answer(".actions .primary"),
  c: () => answer(".claim-key"),
  n: () => press("new-open"),
  e: () => press("catalogue-fold"),
  g: toggleGaps,
  w: () => press("push-wall"),
  u: followKey,
  v: enlargeNext,
  f: fullScreenKey,
  x: closeKey,
  y: turnKey,
  b: () => state.config.bookmarks && bookmarkKey(),
  h: lookBackKey,
  l: liveKey, // in replay it is the time bar's
  i: () => toggleWhatIf(),
  "/": openLine,
  ":": openLine,
  "：": openLine,
  "?": () => toggleHelp(),
};

// Left of the desk while it shows the past; everything else would give a command.
const IN_REPLAY = new Set(["j", "ArrowDown", "k", "ArrowUp", "Enter", "e", "g", "w", "u", "?"]);

export function toggleHelp(open) {
  const help = document.getElementById("help");
  help.hidden = open === undefined ? !help.hidden : !open;
}

// The list of desks is closed by whatever is done outside it; answers whether it was open.
function closeDesks(target) {
  const open = document.querySelector(".desks[open]");
  if (!open || open.contains(target)) return false;
  open.open = false;
  return true;
}

function escape() {
  if (closeDesks() || openCoverage(false)) return;
  if (state.picking) tell("picking", false);
  else if (isLineOpen()) closeLine();
  else if (!hidden("help")) toggleHelp(false);
  else if (!hidden("claim-warning")) press("claim-warning-cancel");
  else if (!hidden("ask")) press("ask-cancel");
  else if (!hidden("broadcast-dialog")) press("broadcast-close");
  else if (!hidden("classify-dialog")) press("classify-cancel");
  else if (!hidden("correct-dialog")) press("correct-cancel");
  else if (!hidden("split-dialog")) press("split-cancel");
  else if (!hidden("locate-dialog")) press("locate-cancel");
  else if (!hidden("new-dialog")) press("new-cancel");
  else if (isSupposing()) leaveWhatIf();
  else if (isPursuing()) endPursuit();
  else if (!leaveLarge()) select(null);
}

// Whether the key was the time bar's. A button that has the keys is pressed by Space itself.
function timeBarKey(event) {
  const ofButton = event.key === " " && document.activeElement?.closest?.("button, a, summary, [role='button']");
  const act = ofButton ? null : timeBarKeys[event.key];
  if (!act || (!state.replay && event.key !== "t")) return false;
  event.preventDefault();
  act(event.shiftKey);
  return true;
}

export function startKeyboard() {
  addEventListener("pointerdown", (event) => closeDesks(event.target), true);
  // A key that was a command is no letter for the list that it opened, which has the focus by the time it is let go.
  const pressedAt = new Map(); // what had the focus, by key
  addEventListener("keyup", (event) => {
    const node = pressedAt.get(event.code);
    pressedAt.delete(event.code);
    if (node && node !== event.target) event.stopPropagation();
  }, true);
  const elementByKey = new Map(state.config.catalogue.flatMap((category) => category.elements.map((element) => [element.key, element.id])));
  addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      document.activeElement?.blur?.();
      if (state.picking || !circleKey(event.key)) escape();
      return;
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      document.querySelector(".veil:not([hidden]) .dialog-end .primary")?.click();
      event.preventDefault();
      return;
    }
    if (!hidden("claim-warning")) return; // it is answered before anything else
    if (event.ctrlKey || event.metaKey || event.altKey || typing(document.activeElement)) return;
    if (circleKey(event.key)) {
      event.preventDefault();
      return;
    }
    if (event.shiftKey && event.key.startsWith("Arrow") && timeBarKey(event)) return;
    if (event.shiftKey && /^(Key|Digit)/.test(event.code)) {
      const element = elementByKey.get(event.code.replace(/^(Key|Digit)/, "").toLowerCase());
      if (element) {
        toggle(element);
        event.preventDefault();
      }
      return;
    }
    if (timeBarKey(event)) return;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    pressedAt.set(event.code, event.target);
    if (state.replay && !IN_REPLAY.has(event.key)) {
      tell("toast", { kind: "bad", text: t("In replay no command is given. L goes back to the present.") });
      return;
    }
    act();
  });
  document.getElementById("help-open").addEventListener("click", () => toggleHelp());
  document.getElementById("help").addEventListener("click", () => toggleHelp(false));
}
