// The crew's duty: its shift, signing on and off, and a muster that asks whether it comes.
import { h } from "./dom.js";
import { clock, t } from "./words.js";

// The muster while it runs: without a network nobody says that it is over.
export const runningMuster = (muster, nowMs) => (muster && Date.parse(muster.until) > nowMs ? muster : null);

// What the crew has answered to the muster, here or on record: true, false, or null while it has not.
export function musterAnswer(muster, rows) {
  if (!muster) return null;
  const said = rows.findLast((row) => row.command === "answer_muster" && row.fields.muster_id === muster.muster_id);
  return said ? said.fields.coming : muster.coming;
}

// A push comes first: the muster asks again when that is taken.
export const asksForMuster = (s) => Boolean(s.muster) && s.comes === null && s.assignment?.stage !== "pushed" && !s.ended;

export function musterScreen(s, act) {
  return h("section", { key: `muster-${s.muster.muster_id}`, class: "push muster grade-2", role: "alertdialog", "aria-label": t("muster"), "aria-live": "assertive" },
    h("div", { class: "call" }, h("h1", {}, t("muster")), h("p", {}, t("muster_by", { by: s.muster.by, at: clock(s.muster.called_at) }))),
    h("div", { class: "scroll" }, h("article", { class: "incident grade-2" }, h("div", { class: "body" },
      h("div", { class: "said" }, s.muster.text), h("div", { class: "facts" }, h("span", {}, t("muster_until"), h("b", {}, clock(s.muster.until))))))),
    h("div", { class: "actions" },
      h("button", { key: "come", class: "primary", "data-muster": "coming", onclick: () => act.muster(true) }, t("muster_come")),
      h("button", { key: "stay", class: "secondary", "data-muster": "not", onclick: () => act.muster(false) }, t("muster_not"))));
}

// Beside the crew's standing: what it has answered, with the way back.
export function musterNote(s, act) {
  if (!s.muster || s.comes === null) return null;
  return h("div", { key: "muster-said", class: "note", role: "status" },
    h("div", { class: "words" }, h("b", {}, t(s.comes ? "muster_coming" : "muster_declined")), h("span", {}, t("muster_line", { text: s.muster.text, at: clock(s.muster.until) }))),
    h("button", { onclick: () => act.muster(!s.comes), "data-muster": "other" }, t(s.comes ? "muster_not" : "muster_come")));
}

// What has been pressed and not been answered yet counts, as everywhere on this page.
export function isSignedOn(duty, rows) {
  const said = rows.findLast((row) => row.command === "sign_on" || row.command === "sign_off");
  return said ? said.command === "sign_on" : Boolean(duty?.signed_on);
}

export function dutyLine(s) {
  const { duty } = s;
  if (!duty || duty.why === "no_roster") return null;
  const said = duty.overtime ? t("overtime", { at: clock(duty.since) })
    : duty.why === "shift" ? t("on_shift", { name: duty.shift_name, at: clock(duty.until) })
    : duty.why === "muster" ? t("on_muster", { at: clock(duty.until) })
    : duty.next_at ? t("next_shift", { at: clock(duty.next_at) }) : t("no_shift");
  return h("p", { key: "duty", class: duty.overtime ? "duty over" : "duty" }, said);
}

export function signing(s, act) {
  if (!s.duty) return null;
  return h("div", { key: "signing", class: "signing" }, dutyLine(s),
    s.signedOn
      ? h("button", { key: "off", class: "secondary", "data-do": "sign_off", disabled: s.assignment !== null, onclick: () => act.sign("sign_off") }, t("sign_off"))
      : h("button", { key: "on", class: "primary", "data-do": "sign_on", onclick: () => act.sign("sign_on") }, t("sign_on")));
}
