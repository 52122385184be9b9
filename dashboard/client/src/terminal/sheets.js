// What is opened over the page: giving feedback, refusing a push, the crew's own status and the device's settings.
import { h } from "./dom.js";
import { signing } from "./duty.js";
import { codeName, currentLanguage, statusWord, t } from "./words.js";

// A crew sets these itself; the others follow from its incidents.
const OWN_STATUSES = ["available", "committed_deployable", "committed", "out_of_service"];
const THEMES = ["auto", "light", "dark"];
const EMPTY = "M3 3h18v18H3z", TICKED = "M3 3h18v18H3zM7 12.5l3.5 3.5L17 8.5";

export function feedbackSheet(s, act) {
  const ready = s.draft.trim() || s.outcome;
  const lacking = s.checklist?.item.filter((item) => item.required && !s.checks[item.id]).length;
  return sheet("feedback", `${t("feedback_title")} #${s.incident.number}`, act,
    s.outcomes.length ? h("fieldset", { class: "chips" }, h("legend", {}, t("outcome")), s.outcomes.map((row) => h("button", {
      key: row.id, "aria-pressed": String(s.outcome === row.id), "data-outcome": row.id, onclick: () => act.outcome(s.outcome === row.id ? null : row.id),
    }, codeName(row)))) : null,
    s.checklist ? checks(s, act) : null,
    writing(s, act, "feedback_hint"),
    h("div", { key: "foot", class: "foot" }, lacking ? h("p", { class: "lacking" }, t("lacking", { n: lacking })) : null,
      h("button", { key: "send", class: "primary", "data-step": "send", disabled: !ready, onclick: act.sendFeedback }, t("send"))));
}

function checks({ checklist, checks: done }, act) {
  const { item: items } = checklist;
  return h("fieldset", { key: "checks", class: "checklist" },
    h("legend", {}, t("checklist"), h("b", {}, t("check_count", { n: items.filter((item) => done[item.id]).length, m: items.length }))),
    items.map((item) => h("button", { key: item.id, role: "checkbox", "aria-checked": String(Boolean(done[item.id])), "data-check": item.id, onclick: () => act.check(item.id) },
      h("svg", { class: "box", viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d: done[item.id] ? TICKED : EMPTY })),
      h("span", {}, codeName(item)), item.required ? h("i", {}, t("required")) : null)));
}

// While it is recorded there are two ways out, and none that leaves open whether it is kept.
export function voiceSheet(s, act) {
  const seconds = Math.floor(s.recordedS);
  return h("section", { key: "sheet-voice", class: "sheet voice", role: "dialog", "aria-label": t("recording"), "data-sheet": "voice" },
    h("header", {}, h("h1", {}, `${t("recording")} #${s.incident.number}`)),
    h("p", { class: "time" }, h("i", {}), `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`),
    h("div", { class: "foot" },
      h("button", { key: "keep", class: "primary", "data-do": "keep-recording", onclick: () => act.recorded(true) }, t("keep_recording")),
      h("button", { key: "drop", class: "secondary", "data-do": "drop-recording", onclick: () => act.recorded(false) }, t("drop_recording"))));
}

export function refuseSheet(s, act) {
  return sheet("refuse", t("refuse_title"), act,
    h("div", { class: "chips" }, t("quick_refuse").map((phrase) => h("button", { key: phrase, onclick: () => act.draft(phrase, true) }, phrase))),
    writing(s, act, "refuse_hint"),
    h("button", { key: "send", class: "primary bad", "data-step": "send", disabled: !s.draft.trim(), onclick: act.refuse }, t("refuse")));
}

export function meSheet(s, act) {
  const isFixed = s.assignment !== null;
  const language = currentLanguage();
  return sheet("me", s.unit ? `${t("me")} · ${s.unit.callsign}` : t("me"), act,
    s.unit ? h("div", { class: "choices tall", role: "radiogroup" }, OWN_STATUSES.map((status) => choice(status, s.status, statusWord(status), () => act.status(status), isFixed || (s.duty?.on_duty === false && status !== "out_of_service")))) : null,
    isFixed ? h("p", { class: "quiet" }, t("status_fixed")) : null,
    signing(s, act),
    h("h2", {}, t("theme")),
    h("div", { class: "choices", role: "radiogroup" }, THEMES.map((theme) => choice(theme, s.theme, t(`theme_${theme}`), () => act.theme(theme)))),
    h("h2", {}, t("language")),
    h("div", { class: "choices", role: "radiogroup" }, choice("zh-CN", language, "中文", () => act.language("zh")), choice("en", language, "English", () => act.language("en"))),
    s.install ? h("button", { key: "install", class: "secondary", "data-do": "install", onclick: act.install }, t("install")) : null,
    s.othersWait ? h("p", { class: "quiet" }, t("others_wait", { n: s.othersWait })) : null,
    s.unsent ? h("p", { class: "quiet" }, t("logout_waits", { n: s.unsent })) : null,
    h("a", { key: "account", class: "secondary", "data-do": "account", href: "/account" }, t("account")),
    h("button", { key: "logout", class: "secondary", "data-do": "logout", onclick: act.logout }, t("logout")));
}

function sheet(name, title, act, ...children) {
  return h("section", { key: `sheet-${name}`, class: "sheet", role: "dialog", "aria-label": title, "data-sheet": name },
    h("header", {}, h("h1", {}, title), h("button", { onclick: () => act.open(null), "data-do": "close" }, t("close"))),
    ...children);
}

// The text belongs to the browser once it stands there; the state only listens. `typed` is what stood there before a reload.
function writing(s, act, hint) {
  return h("textarea", {
    key: "writing", placeholder: t(hint), "aria-label": t(hint), maxlength: 4000, oninput: (event) => act.draft(event.target.value),
    first: (node) => { node.value = s.draft; },
  });
}

function choice(value, chosen, word, choose, disabled = false) {
  return h("button", { key: value, role: "radio", "aria-checked": String(value === chosen), "data-choice": value, disabled, onclick: choose }, word);
}
