// What the officer sees, made anew from the state on every change. Text goes in as text, never as markup.
import { STAGES, currentLanguage, distance, duration, gradeWord, t } from "./words.js";
import { drawRoute } from "./route.js";

const STEP_AFTER = { pushed: "acknowledge", acknowledged: "depart", en_route: "arrive", on_scene: "feedback" };
const TIME_FIELD = { acknowledged: "acknowledged_at", en_route: "departed_at", on_scene: "arrived_at", feedback: "feedback_at" };
const STAGE_WORD = { acknowledged: "acknowledge", en_route: "depart", on_scene: "arrive", feedback: "feedback" };

export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const clock = (iso) => new Date(iso).toLocaleTimeString(currentLanguage(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

export function render(root, state, act) {
  const typed = root.querySelector("textarea")?.value ?? state.draft ?? "";
  root.replaceChildren(head(state, act), ...notes(state), body(state, act, typed), ...(state.assignment?.stage === "pushed" ? [pushScreen(state, act, typed)] : []));
  if (state.writing) root.querySelector("textarea")?.focus();
}

function head(state, act) {
  const link = state.connected ? t("connected") : t("reconnecting");
  return h("header", { class: "head" },
    h("span", { class: "callsign" }, state.unit?.callsign ?? "联动"),
    h("span", { class: "org" }, state.unit ? t(`status_${state.unit.status}`) ?? "" : ""),
    h("span", { class: `link ${state.connected ? "" : "down"}`, role: "status" }, link),
    h("button", { onclick: act.language, "aria-label": "中文 / English" }, currentLanguage() === "en" ? "中" : "EN"));
}

function notes(state) {
  const list = [];
  if (state.waiting) list.push(h("div", { class: "note" }, `${state.waiting} ${t("waiting")}${state.connected ? "" : ` · ${t("offline_kept")}`}`));
  if (state.problem) list.push(h("div", { class: "note bad", role: "alert" }, `${t("refused_by_server")}: ${state.problem}`));
  if (state.message) list.push(h("div", { class: "note", role: "alert" }, t(state.message)));
  if (state.known && !state.unit) list.push(h("div", { class: "note bad", role: "alert" }, t("no_unit")));
  return list;
}

function body(state, act, typed) {
  if (!state.assignment || state.assignment.stage === "pushed") return calm(state, act);
  const step = STEP_AFTER[state.assignment.stage];
  const writing = state.writing === "feedback";
  return h("main", {},
    incidentCard(state), stages(state.assignment), files(state, act),
    writing ? sheet("feedback_hint", t("quick"), typed, act, () => act.give("feedback")) : null,
    h("div", { class: "actions" }, pickers(act),
      step && !writing ? h("button", { class: "primary", "data-step": step, onclick: () => (step === "feedback" ? act.write("feedback") : act.give(step)) }, t(step)) : null,
      step ? null : h("p", { class: "facts" }, t("done"))));
}

function calm(state, act) {
  const ready = state.unit?.status !== "out_of_service";
  return h("main", {}, h("div", { class: "calm" },
    h("img", { class: "rings", src: "/terminal/icon.svg", alt: "" }),
    h("div", { class: "word" }, ready ? t("standby") : t("status_out_of_service")),
    h("p", {}, t("standby_hint")),
    state.sound ? null : h("button", { class: "secondary", onclick: act.allowSound }, t("sound")),
    h("p", {}, state.position ? t("position_on") : t("position_off"))), files(state, act));
}

function pushScreen(state, act, typed) {
  const refusing = state.writing === "refuse";
  return h("section", { class: "push", role: "alertdialog", "aria-label": t("new_push") },
    h("h1", {}, t("new_push")), incidentCard(state),
    refusing ? sheet("refuse_why", [], typed, act, () => act.give("refuse")) : null,
    refusing ? null : h("div", { class: "actions" },
      h("button", { class: "primary", "data-step": "acknowledge", onclick: () => act.give("acknowledge") }, t("acknowledge")),
      h("button", { class: "secondary", "data-step": "refuse", onclick: () => act.write("refuse") }, t("refuse"))));
}

function incidentCard({ incident, assignment, route, caller }) {
  const away = route ?? (assignment.promised_eta_s === null ? null : { eta_s: assignment.promised_eta_s, distance_m: assignment.promised_distance_m });
  return h("article", { class: `incident grade-${incident.grade}` },
    h("div", { class: "grade" }, `${gradeWord(incident.grade)} · ${incident.type_name ?? incident.incident_type}`, h("span", { class: "number" }, `#${incident.number}`)),
    h("div", { class: "body" },
      h("div", { class: "place" }, incident.lon === null ? `${t("no_place")} ${incident.address}` : incident.address || `${incident.lon.toFixed(5)}, ${incident.lat.toFixed(5)}`),
      h("div", { class: "said" }, incident.text),
      h("div", { class: "facts" }, h("span", {}, t("called"), h("b", {}, clock(incident.called_at))),
        away ? h("span", {}, t("eta"), h("b", {}, duration(away.eta_s))) : null,
        away ? h("span", {}, t("away"), h("b", {}, distance(away.distance_m))) : null),
      caller ? h("div", { class: "facts" }, h("span", {}, t("caller"), h("b", {}, `${caller.name} ${caller.number}`))) : null,
      route?.coordinates?.length > 1 ? drawRoute(route.coordinates) : null));
}

function stages(assignment) {
  const reached = STAGES.indexOf(assignment.stage);
  return h("ol", { class: "stages" }, ...STAGES.map((stage, i) => h("li", { class: i <= reached ? "done" : i === reached + 1 ? "now" : "" },
    t(STAGE_WORD[stage]), assignment[TIME_FIELD[stage]] ? h("time", {}, clock(assignment[TIME_FIELD[stage]])) : null)));
}

function sheet(hint, phrases, typed, act, send) {
  const area = h("textarea", { placeholder: t(hint), "aria-label": t(hint), oninput: (event) => act.draft(event.target.value) });
  area.value = typed;
  return h("div", { class: "sheet" },
    phrases.length ? h("div", { class: "quick" }, ...phrases.map((phrase) => h("button", { onclick: () => { area.value = area.value ? `${area.value} ${phrase}` : phrase; act.draft(area.value); } }, phrase))) : null,
    area, h("div", { class: "row" }, h("button", { class: "secondary", onclick: () => act.write(null) }, t("cancel")),
      h("button", { class: "primary", "data-step": "send", onclick: () => area.value.trim() && send() }, t("send"))));
}

function pickers(act) {
  const pick = (word, accept, capture) => h("label", { class: "pick" }, t(word),
    h("input", { type: "file", accept, capture, multiple: true, "data-pick": word, onchange: (event) => act.files([...event.target.files]) }));
  return h("div", { class: "row" }, pick("photo", "image/*", "environment"), pick("video", "video/*", "environment"), pick("file", "image/*,video/*,application/pdf", null));
}

function files(state, act) {
  if (!state.files.length) return null;
  return h("ul", { class: "files", "aria-label": t("uploads") }, ...state.files.map((file) => h("li", {}, h("span", {}, file.name),
    h("span", { class: `state ${file.state}` }, file.state === "failed" ? file.reason : t(file.state)),
    file.state === "uploading" ? h("progress", { max: 1, value: file.share }) : null,
    file.state === "failed" ? h("button", { onclick: () => act.retry(file.order) }, t("retry")) : null)));
}
