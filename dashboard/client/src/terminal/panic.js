// The panic button: pressed and held, so that it is not pressed by accident; what became of it stays on the screen.
import { h } from "./dom.js";
import { clock, t } from "./words.js";

export const HOLD_MS = 1500; // as long as `.hold i` in terminal.css takes to fill
const SHORT_SHOWN_MS = 2500;

export class Hold {
  // changed(); held(): it was held long enough. `phase`: null, `holding`, or `short` for a while after it was let go too early.
  constructor(changed, held) {
    Object.assign(this, { changed, held, phase: null });
  }

  press() {
    if (this.phase === "holding") return;
    navigator.vibrate?.(40);
    this.enter("holding", HOLD_MS, () => {
      navigator.vibrate?.([300, 100, 300]);
      this.held();
    });
  }

  letGo() {
    if (this.phase === "holding") this.enter("short", SHORT_SHOWN_MS, this.changed);
  }

  enter(phase, forMs, then) {
    clearTimeout(this.timer);
    this.phase = phase;
    this.timer = setTimeout(() => {
      this.phase = null;
      then();
    }, forMs);
    this.changed();
  }
}

// Over everything, always at the same place. Keys hold it as a finger does.
export function panicButton(hold) {
  const isKey = (event) => event.key === "Enter" || event.key === " ";
  const letGo = () => hold.letGo();
  return h("button", {
    key: "panic", class: "panic", "data-do": "panic", "aria-label": t("panic_label"),
    // Captured: a thumb that slips off in a scuffle still holds it.
    onpointerdown: (event) => { event.currentTarget.setPointerCapture(event.pointerId); hold.press(); },
    onpointerup: letGo, onpointercancel: letGo, onblur: letGo, oncontextmenu: (event) => event.preventDefault(),
    onkeydown: (event) => { if (isKey(event) && !event.repeat) hold.press(); }, onkeyup: letGo,
  }, t("panic"));
}

export function holdBar(phase) {
  if (!phase) return null;
  const words = phase === "holding" ? [t("panic_hold"), t("panic_release")] : [t("panic_short"), t("panic_again")];
  return h("div", { key: `hold-${phase}`, class: `hold ${phase}`, role: "alert" }, h("b", {}, words[0]), h("span", {}, words[1]), h("div", {}, h("i", {})));
}

// `alarms`: [{key, at, state: "queued"|"sent"|"received", number}].
export function panicNotes(alarms, act) {
  return alarms.map((alarm) => {
    const at = clock(alarm.at);
    const words = { queued: [t("panic_queued", { at }), t("panic_radio")], sent: [t("panic_sent", { at })], received: [t("panic_received", { at, n: alarm.number })] }[alarm.state];
    return h("div", { key: `alarm-${alarm.key}`, class: `note alarm ${alarm.state}`, role: "alert", "data-alarm": alarm.state },
      h("div", { class: "words" }, h("b", {}, words[0]), words.slice(1).map((line) => h("span", {}, line))),
      alarm.state === "received" ? h("button", { onclick: act.forgetAlarm, "data-dismiss": "alarm" }, t("understood")) : null);
  });
}
