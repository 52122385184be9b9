// What the officer sees of filming: the button, the picture with its ways out, a bar while the page is used for something else, and
// what is left to send.
import { h } from "./dom.js";
import { bytes, clock, ruleWord, t } from "./words.js";
import { LOW_ROOM_S } from "./filming.js";

const SLICE_S = { webm: 0.1, mp4: 1 };

export function filmButton(s, act) {
  if (!s.canFilm || s.film) return null;
  return h("button", { key: "film", class: "film", "data-do": "film", disabled: s.filmStarts, onclick: act.film }, h("i", {}), h("span", {}, t("film"), h("small", {}, t("film_hint"))));
}

const time = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function waits({ unsent, connected, kind }) {
  const seconds = Math.round(unsent * SLICE_S[kind]);
  if (!connected) return t("film_offline", { n: seconds });
  return seconds > 1 ? t("film_unsent", { n: seconds }) : t("film_all_sent");
}

// Over the page while it is used for something else: it must never be forgotten that the room is watching.
export function filmBar(s, act) {
  const { film } = s;
  if (!film || s.sheet === "film") return null;
  return h("div", { key: "film-bar", class: `note filming ${film.connected ? "" : "off"}`, role: "status", "data-film": film.connected ? "live" : "offline" },
    h("span", { class: "words" }, h("b", {}, h("i", {}), `${t("filming")} ${time(film.seconds)}`), h("span", {}, waits(film))),
    h("button", { onclick: () => act.open("film"), "data-open": "film" }, t("film_open")), h("button", { onclick: act.stopFilm, "data-do": "stop-film" }, t("film_stop")));
}

export function filmSheet(s, act) {
  const { film } = s;
  const said = [
    film.dark ? t("film_dark") : "",
    film.kind === "mp4" ? t("film_late") : "",
    film.roomS !== null && film.roomS - film.seconds < LOW_ROOM_S ? t("film_room", { n: Math.max(0, Math.floor((film.roomS - film.seconds) / 60)) }) : "",
  ].filter(Boolean);
  return h("section", { key: "sheet-film", class: "sheet filmed", role: "dialog", "aria-label": t("filming"), "data-sheet": "film" },
    h("header", {}, h("h1", {}, `${t("film")} #${s.incident.number}`)),
    h("video", { key: `preview-${film.id}`, class: film.facing === "user" ? "mirrored" : "", muted: true, autoplay: true, playsinline: true,
      first: (node) => { node.muted = true; node.srcObject = film.stream; } }),
    h("p", { class: film.connected ? "live" : "live off", role: "status", "data-film": film.connected ? "live" : "offline" },
      h("b", {}, h("i", {}), time(film.seconds)), h("span", {}, waits(film)), h("span", {}, bytes(film.bytes))),
    said.map((line) => h("p", { key: line, class: "lacking" }, line)),
    h("p", { class: "quiet" }, t("film_silent")),
    h("div", { class: "foot" },
      h("button", { key: "stop", class: "primary bad", "data-do": "stop-film", onclick: act.stopFilm }, t("film_stop")),
      h("div", { class: "row" },
        h("button", { key: "turn", class: "secondary", "data-do": "turn-camera", onclick: act.turnCamera }, t("film_turn")),
        h("button", { key: "hide", class: "secondary", "data-do": "hide-film", onclick: () => act.open(null) }, t("film_hide")))));
}

// Recordings that are not filmed any more, beside photos and files.
export function filmRow(film, act) {
  const { row, share } = film;
  const failed = row.state === "failed";
  const word = failed ? ruleWord(row.rule) || t("film_refused") : row.state === "stored" ? t("stored") : film.connected ? t("uploading_at", { percent: Math.floor(share * 100) }) : t("queued");
  return h("li", { key: `film-${row.id}`, class: row.state, "data-state": row.state, "data-recording": row.id },
    h("span", { class: "kind" }, "◉"), h("span", { class: "name" }, t("film"), h("i", {}, clock(row.beganAt))), h("span", { class: "state" }, word),
    failed ? h("span", { class: "detail" }, row.detail) : null,
    row.state === "queued" ? h("progress", { max: 1, value: share }) : null,
    failed ? h("span", { class: "row" }, h("button", { onclick: () => act.retryFilm(row) }, t("retry")), h("button", { onclick: () => act.dropFilm(row) }, t("drop"))) : null);
}
