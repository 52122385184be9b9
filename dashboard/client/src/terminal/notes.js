// Notes on the incident: remarks of the desk and of other crews that this crew has not said to have read yet.
import { h } from "./dom.js";
import { clock, t } from "./words.js";

// For this crew or for everybody on the incident, not its own, and not pressed as read here while the server has yet to hear of it.
export function unreadNotes(incident, unitId, rows) {
  const pressed = new Set(rows.filter((row) => row.command === "read_note").map((row) => row.fields.note_id));
  return (incident?.notes ?? []).filter((one) => one.by_unit !== unitId && (!one.to_units.length || one.to_units.includes(unitId))
    && !one.reads.some((read) => read.reader === unitId) && !pressed.has(one.note_id));
}

export function noteCards(notes, act) {
  return notes.map((one) => h("div", { key: `remark-${one.note_id}`, class: "note remark", role: "alert", "data-remark": one.note_id },
    h("div", { class: "words" }, h("b", {}, t("remark", { who: one.by, at: clock(one.at) })), h("span", { class: "text" }, one.text)),
    h("button", { onclick: () => act.readNote(one), "data-do": "read-note" }, t("cast_read"))));
}
