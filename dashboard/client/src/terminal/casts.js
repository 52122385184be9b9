// Broadcasts (通播): one text that must be read. They stand over everything but a push, one after the other, in the order they were sent.
import { h } from "./dom.js";
import { clock, t } from "./words.js";

// Those to be read now: live, and not pressed as read here while the server has yet to hear of it.
export function unreadCasts(broadcasts, rows, now) {
  const pressed = new Set(rows.filter((row) => row.command === "read_broadcast").map((row) => row.fields.broadcast_id));
  return broadcasts.filter((one) => Date.parse(one.expires_at) > now && !pressed.has(one.broadcast_id));
}

export const castTitle = (cast) => t(cast.urgent ? "cast_urgent" : "cast");

export function castScreen([cast, ...others], act) {
  return h("section", { key: `cast-${cast.broadcast_id}`, class: cast.urgent ? "push cast urgent" : "push cast", role: "alertdialog", "aria-label": castTitle(cast), "aria-live": "assertive" },
    h("div", { class: "call" }, h("h1", {}, castTitle(cast)), h("p", {}, t("cast_from", { who: cast.sent_by, at: clock(cast.sent_at) }))),
    h("div", { class: "scroll" }, cast.replaces ? h("p", { class: "replaces" }, t("cast_replaces")) : null, h("p", { class: "text" }, cast.text)),
    h("div", { class: "actions" }, others.length ? h("p", {}, t("cast_more", { n: others.length })) : null,
      h("button", { key: "read", class: "primary", "data-do": "read-cast", onclick: () => act.readCast(cast) }, t("cast_read"))));
}
