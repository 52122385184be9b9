// What the officer sees, described from the state; `dom.js` mends the page to match.
import { castScreen } from "./casts.js";
import { crewList, repushNotes } from "./crews.js";
import { h, mend } from "./dom.js";
import { asksForMuster, dutyLine, musterNote, musterScreen, signing } from "./duty.js";
import { holdBar, panicButton, panicNotes } from "./panic.js";
import { noteCards } from "./notes.js";
import { filmBar, filmButton, filmRow, filmSheet } from "./film_view.js";
import { drawRoute } from "./route.js";
import { feedbackSheet, meSheet, refuseSheet, voiceSheet } from "./sheets.js";
import { bytes, clock, codeName, distance, duration, gradeWord, ruleWord, stageWord, statusWord, t } from "./words.js";

const STEP_AFTER = { pushed: "acknowledge", acknowledged: "depart", en_route: "arrive", on_scene: "feedback", feedback: "clear" };
// Stages at which a suggestion still makes sense: what was pressed here overtakes it before the server knows.
const SEEMS = { depart: ["acknowledged"], arrive: ["acknowledged", "en_route"], clear: ["feedback"] };
const TRACK = [["acknowledge", "acknowledged_at"], ["depart", "departed_at"], ["arrive", "arrived_at"], ["feedback", "feedback_at"]];
// As on the desk: octagon, triangle, diamond, circle. A grade that is none of these has a square.
const SQUARE = "M2 2h20v20H2z";
const SHAPES = {
  1: "M7 1h10l6 6v10l-6 6H7l-6-6V7z", 2: "M12 1.5 23.5 22H.5z", 3: "M12 .5 23.5 12 12 23.5.5 12z", 4: "M12 1a11 11 0 1 1 0 22 11 11 0 0 1 0-22z",
};
const TICK = "M5 12.5l4.5 4.5L19 7.5", WARN = "M12 3 22 20H2zM12 9v5M12 17v.5", BARS = "M4 7h16M4 12h16M4 17h16", DOWN = "M12 4v11M7 10l5 5 5-5M5 20h14";
// Statuses in which no push comes.
const BUSY = ["committed", "dispatched", "en_route", "on_scene"];

export function render(root, s, act) {
  const pushed = s.assignment?.stage === "pushed";
  mend(root, [
    head(s, act),
    ...notes(s, act),
    s.ended ? blocked(s, act) : s.assignment && !pushed ? working(s, act) : standing(s, act),
    pushed && !s.ended ? pushScreen(s, act) : null,
    asksForMuster(s) ? musterScreen(s, act) : null,
    s.casts.length && !pushed && !asksForMuster(s) && !s.ended ? castScreen(s.casts, act) : null,
    s.sheet === "feedback" && s.assignment ? feedbackSheet(s, act) : null,
    s.sheet === "refuse" && pushed ? refuseSheet(s, act) : null,
    s.sheet === "voice" && s.assignment && s.recordedS !== null ? voiceSheet(s, act) : null,
    s.sheet === "film" && s.assignment && s.film ? filmSheet(s, act) : null,
    s.sheet === "me" ? meSheet(s, act) : null,
    // Without a crew there is nobody to help; a page that another has replaced takes its line back.
    s.unit && (!s.ended || s.ended === "replaced") ? panicButton(s.hold) : null,
    holdBar(s.hold.phase),
  ].filter(Boolean));
}

function head(s, act) {
  return h("header", { key: "head", class: "head" },
    h("button", { class: "me", onclick: () => act.open("me"), "data-open": "me", "aria-label": t("me") },
      h("span", { class: "callsign" }, s.unit?.callsign ?? "联动"),
      s.status ? h("span", { class: `status ${s.status}` }, statusWord(s.status)) : null,
      icon(BARS, "bars")),
    h("span", { class: s.connected ? "link" : "link down", role: "status", "aria-label": t(s.connected ? "connected" : "reconnecting") },
      s.connected ? icon(TICK, "tick") : [icon(WARN, "warn"), t("reconnecting")]));
}

function notes(s, act) {
  const list = s.notices.map((notice) => h("div", { key: `notice-${notice.id}`, class: `note ${notice.kind}`, role: "alert" },
    h("div", { class: "words" }, h("b", {}, notice.title), notice.lines.map((line) => h("span", {}, line))),
    h("button", { onclick: () => act.dismiss(notice.id), "data-dismiss": notice.kind }, t("understood"))));
  list.unshift(...[filmBar(s, act), musterNote(s, act), ...panicNotes(s.alarms, act), ...noteCards(s.remarks, act)].filter(Boolean));
  if (!window.isSecureContext) list.push(note("insecure", "bad", t("insecure")));
  if (!s.connected && s.asOf && s.assignment) list.push(note("as-of", "", t("as_of", { at: clock(s.asOf) })));
  if (s.waiting) list.push(note("waiting", "", t(s.connected ? "waiting" : "waiting_offline", { n: s.waiting })));
  return list;
}

const note = (key, kind, text) => h("div", { key, class: `note ${kind}`, role: "status" }, h("span", { class: "words" }, text));

function blocked(s, act) {
  return h("main", { key: "blocked" }, h("div", { class: "calm" }, rings("out"), h("p", { class: "loud" }, t(s.ended) ?? t("ended_otherwise", { reason: s.ended }))),
    h("div", { class: "actions" }, s.ended === "replaced"
      ? h("button", { key: "here", class: "primary", onclick: act.resume }, t("use_here"))
      : h("button", { key: "out", class: "primary", onclick: act.logout }, t("logout"))));
}

function standing(s, act) {
  const ready = s.status === "available" || s.status === "committed_deployable";
  return h("main", { key: "standing" },
    h("div", { class: "calm" }, rings(s.connected && ready ? "" : "out"),
      h("div", { class: "word" }, !s.unit ? t("opening") : s.status === "available" ? t("standby") : statusWord(s.status)),
      s.unit ? h("p", {}, s.connected ? hint(s.status) : t("standby_offline")) : null,
      s.signedOn || s.duty?.why === "no_roster" ? dutyLine(s) : signing(s, act)),
    files(s, act),
    h("ul", { class: "checks" },
      check(s.sound, s.sound ? t("sound_on") : t("sound_off"), s.sound ? null : act.allowSound),
      check(s.positionSays === "on", t(`position_${s.positionSays}`), null),
      s.install ? h("li", {}, h("button", { onclick: act.install, "data-do": "install" }, icon(DOWN, "down"), t("install"))) : null));
}

function hint(status) {
  if (status === "available" || status === "committed_deployable") return t("standby_hint");
  if (status === "out_of_service") return t("off_hint");
  return BUSY.includes(status) ? t("busy_hint") : t("unknown_status", { status: statusWord(status) });
}

// What must be in order to hear of a push; what is not can be pressed where that helps.
function check(good, words, mendIt) {
  const mark = good ? icon(TICK, "tick") : icon(WARN, "warn");
  return h("li", { class: good ? "good" : "lacking" }, mendIt ? h("button", { onclick: mendIt, "data-mend": "sound" }, mark, words) : h("span", {}, mark, words));
}

function rings(kind) {
  return h("svg", { class: `rings ${kind}`, viewBox: "0 0 200 200", "aria-hidden": "true" },
    h("circle", { class: "five", cx: 100, cy: 100, r: 92 }), h("circle", { class: "three", cx: 100, cy: 100, r: 62 }),
    h("circle", { class: "one", cx: 100, cy: 100, r: 32 }), h("circle", { class: "self", cx: 100, cy: 100, r: 8 }));
}

function working(s, act) {
  const suggested = suggestedStep(s);
  return h("main", { key: `working-${s.assignment.assignment_id}` },
    s.incident.returned ? note("returned", "bad", t("returned")) : null,
    STEP_AFTER[s.assignment.stage] ? null : note("unknown-stage", "bad", t("unknown_stage", { stage: stageWord(s.assignment.stage) })),
    s.duty?.overtime ? dutyLine(s) : null,
    incidentCard(s), track(s.assignment), files(s, act),
    h("div", { class: "actions", key: "actions" }, checkIn(s, act), filmButton(s, act), pickers(s, act), suggested ? suggestedButton(suggested, act) : null, steps(s, act, suggested)));
}

// The next step by hand; not the one that is suggested above already.
function steps(s, act, suggested) {
  const step = STEP_AFTER[s.assignment.stage];
  const buttons = [];
  if (s.assignment.stage === "feedback") buttons.push(h("button", { key: "more", class: "secondary", "data-step": "feedback", onclick: () => act.open("feedback") }, t("more_feedback")));
  if (!step) buttons.push(h("button", { key: "reload", class: "primary", "data-do": "reload", onclick: act.reload }, t("reload")));
  else if (step !== suggested?.command) {
    const look = suggested ? "secondary" : "primary";
    buttons.push(h("button", { key: step, class: look, "data-step": step, onclick: () => (step === "feedback" ? act.open("feedback") : act.step(step)) }, t(step)));
  }
  return buttons.length ? h("div", { key: "steps", class: buttons.length > 1 ? "row narrow" : "row" }, buttons) : null;
}

// The question whether all is well, once it is due; one thumb answers it. It counts here, also without a network.
function checkIn(s, act) {
  if (s.askedAt === null || s.nowMs < s.askedAt) return null;
  return h("button", { key: "check-in", class: "primary well", "data-step": "check_in", onclick: () => act.step("check_in") },
    h("span", {}, t("all_well")), h("small", {}, t("all_well_hint")));
}

function suggestedButton({ command, since_at }, act) {
  return h("button", { key: "suggested", class: "primary suggested", "data-step": command, "data-suggested": command, onclick: () => act.step(command) },
    h("span", {}, t(`seems_${command}`)), h("small", {}, t("by_position", { at: clock(since_at) })));
}

// What the crew's position suggests as its next stage, unless it has been pressed here already. A page that has lost its line
// has only old suggestions.
function suggestedStep(s) {
  const found = (s.incident.suggestions ?? []).find((one) => one.assignment_id === s.assignment.assignment_id);
  return found && s.connected && found.command in SEEMS && SEEMS[found.command].includes(s.assignment.stage) ? found : null;
}

function pushScreen(s, act) {
  const age = (s.nowMs - Date.parse(s.assignment.pushed_at)) / 1000;
  return h("section", { key: `push-${s.assignment.assignment_id}`, class: `push grade-${s.incident.grade}`, role: "alertdialog", "aria-label": t("new_push"), "aria-live": "assertive" },
    h("div", { class: "call" }, h("h1", {}, t("new_push")), h("p", {}, t("pushed_ago", { age: duration(age) }))),
    h("div", { class: "scroll" }, panicNotes(s.alarms, act), incidentCard(s)),
    h("div", { class: "actions" },
      h("button", { key: "acknowledge", class: "primary", "data-step": "acknowledge", onclick: () => act.step("acknowledge") }, t("acknowledge")),
      h("button", { key: "refuse", class: "secondary", "data-step": "refuse", onclick: () => act.open("refuse") }, t("refuse"))));
}

function incidentCard(s) {
  const { incident, assignment, route, caller, types, nowMs } = s;
  const kind = types.find((row) => row.id === incident.incident_type);
  const place = incident.address || (incident.lon === null ? "" : `${incident.lon.toFixed(5)}, ${incident.lat.toFixed(5)}`);
  return h("article", { key: "incident", class: `incident grade-${incident.grade}` },
    h("div", { class: "grade" }, h("svg", { class: "shape", viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d: SHAPES[incident.grade] ?? SQUARE })),
      h("span", { class: "what" }, `${gradeWord(incident.grade)} · ${kind ? codeName(kind) : incident.incident_type.replaceAll("_", " ")}`),
      h("span", { class: "number" }, `#${incident.number}`)),
    h("div", { class: "body" },
      warnings(s), repushNotes(s), crewList(s),
      incident.lon === null ? h("div", { class: "unplaced" }, t("no_place")) : null,
      place ? h("div", { class: "place" }, place) : null,
      incident.text ? h("div", { class: "said" }, incident.text) : null,
      facts(incident, assignment, route, nowMs),
      caller?.number ? callerRow(caller) : null,
      route?.coordinates?.length > 1 && !assignment.arrived_at ? drawRoute(route.coordinates) : null));
}

// What must be known before one enters the place; a warning that has expired meanwhile is gone, also without a network.
function warnings({ incident, warningKinds, nowMs }) {
  return (incident.warnings ?? []).filter((one) => Date.parse(one.expires_at) > nowMs).map((one) => {
    const kind = (warningKinds ?? []).find((row) => row.id === one.warning);
    return h("div", { key: `warning-${one.warning_id}`, class: "warning", role: "alert" }, h("b", {}, `⚠ ${kind ? codeName(kind) : one.warning.replaceAll("_", " ")}`), h("span", {}, one.text));
  });
}

function facts(incident, assignment, route, nowMs) {
  const list = [];
  if (!assignment.arrived_at && route) {
    const left = route.eta_s - (nowMs - route.at) / 1000;
    list.push(fact(t("eta"), left > 5 ? duration(left) : t("arriving"), "eta"), fact(t("away"), distance(route.distance_m)));
  } else if (!assignment.arrived_at && assignment.promised_eta_s !== null) {
    list.push(fact(t("promised"), duration(assignment.promised_eta_s), "eta"), fact(t("away"), distance(assignment.promised_distance_m)));
  }
  list.push(fact(t("called"), clock(incident.called_at)));
  return h("div", { class: "facts" }, list);
}

const fact = (name, value, kind = "") => h("span", { class: kind }, name, h("b", {}, value));

function callerRow({ name, number }) {
  const masked = number.includes("*");
  return h("div", { class: "caller" }, h("span", {}, `${t("caller")} ${name}`.trim(), h("b", {}, number)),
    masked ? null : h("a", { href: `tel:${number.replace(/[^\d+]/g, "")}` }, t("call_back")));
}

function track(assignment) {
  const next = TRACK.findIndex(([, instant]) => !assignment[instant]);
  return h("ol", { class: "track", key: "track" }, TRACK.map(([word, instant], i) => {
    const at = assignment[instant];
    const kind = at ? (assignment.waiting.has(instant) ? "done waiting" : "done") : i === next ? "now" : "";
    return h("li", { class: kind, "data-stage": word }, t(`did_${word}`), h("time", {}, at ? clock(at) : "–"));
  }));
}

function pickers(s, act) {
  const pick = (word, accept, capture) => h("label", { key: word, class: "pick" }, t(word),
    h("input", { type: "file", accept, capture, multiple: true, "data-pick": word, onchange: (event) => { act.files([...event.target.files]); event.target.value = ""; } }));
  return h("div", { key: "pickers", class: "row" }, pick("photo", "image/*", "environment"), pick("video", "video/*", "environment"),
    s.canRecord ? h("button", { key: "voice", class: "pick", "data-do": "record", onclick: act.record }, t("voice")) : null, pick("file", "image/*,video/*,audio/*,application/pdf"));
}

function files(s, act) {
  const kept = s.incident && s.assignment ? s.incident.uploads : 0;
  if (!s.files.length && !s.films.length && !kept) return null;
  return h("section", { key: "files", class: "files" },
    h("h2", {}, t("uploads"), kept ? h("span", {}, t("kept_count", { n: kept })) : null),
    h("ul", {}, s.films.map((film) => filmRow(film, act)), s.files.map((file) => fileRow(file, act))));
}

function fileRow(file, act) {
  const failed = file.state === "failed";
  const word = failed ? ruleWord(file.rule) || file.reason : file.state === "uploading" ? t("uploading_at", { percent: Math.floor(file.share * 100) }) : t(file.state);
  return h("li", { key: file.id, class: file.state, "data-state": file.state },
    file.picture ? h("img", { src: file.picture, alt: "" }) : h("span", { class: "kind" }, file.type.startsWith("video/") ? "▶" : file.type.startsWith("audio/") ? "♪" : "▤"),
    h("span", { class: "name" }, file.name, h("i", {}, bytes(file.blob.size))),
    h("span", { class: "state" }, word),
    failed && ruleWord(file.rule) ? h("span", { class: "detail" }, file.reason) : null,
    file.state === "uploading" ? h("progress", { max: 1, value: file.share }) : null,
    failed ? h("span", { class: "row" }, h("button", { onclick: () => act.retry(file) }, t("retry")), h("button", { onclick: () => act.drop(file) }, t("drop"))) : null);
}

export function icon(d, kind) {
  return h("svg", { class: `icon ${kind}`, viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d }));
}
