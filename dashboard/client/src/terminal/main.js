// The officer's page: what is known, what happens to it, one redraw after each change.
import { allowSound, chime, keepScreenOn, ring, silence, soundAllowed } from "./alarm.js";
import { castTitle, unreadCasts } from "./casts.js";
import { nowMs, stamp } from "./clock.js";
import { sentAsWell } from "./crews.js";
import { isSignedOn, musterAnswer, runningMuster } from "./duty.js";
import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { Hold } from "./panic.js";
import { canFilm, Filming } from "./filming.js";
import { unreadNotes } from "./notes.js";
import { askedAt, checklistFor, feedbackForm, isActive, ownAssignment, shownAssignment, shownStatus } from "./picture.js";
import { canRecord, Recorder } from "./recorder.js";
import { fetchRoute } from "./route.js";
import { Scene } from "./scene.js";
import { forgetShown, recall, remember } from "./store.js";
import { Uploads } from "./uploads.js";
import { render } from "./view.js";
import { chooseLanguage, codeName, currentLanguage, gradeWord, ruleWord, stageWord, t } from "./words.js";

const POSITION_EVERY_MS = 3000;
// A phone that lies still may get no new fix; the last one is sent again with its own time, so that it does not look switched off.
const STILL_EVERY_MS = 10_000;
const ROUTE_EVERY_MS = 15_000;
// An older fix says little about where the crew is: the desk promises no time from it. As OLD_FIX_S of operations/situation/candidates.py.
const OLD_FIX_MS = 120_000;
// Fixes are sent more often than this; one that was refused longer ago has been followed by one that was not.
const REFUSED_FOR_MS = 15_000;
// What says of a fix only that it is known already.
const HARMLESS = new Set(["duplicate", "no_fix"]);
const LOGIN = "/login?next=/terminal";
// Why filming has stopped (filming.js), as it is said.
const FILM_ENDS = { over: "film_over", full: "film_full", broken: "film_broken", camera: "film_camera" };
const REMEMBERED_S = 365 * 24 * 3600;

const state = {
  unit: null, duty: null, muster: null, incident: null, caller: null, route: null, position: null, positionDenied: false,
  fixedAt: 0, fixRefusedAt: -Infinity, // Date.now() of the position, performance.now() of the server's last refusal of one
  connected: false, asOf: null, ended: null, notices: [], sheet: null, draft: "", outcome: null, checks: {},
  codes: { incident_type: [], disposition: [], checklist: [] }, theme: "auto",
  alarm: null, // the last call for help that the server has: {unitId, key, at, number}, until it is dismissed
  install: null, // the browser's offer to install the page
  askedFor: null, // the question whether all is well that has sounded
  broadcasts: [], castRang: null, castRings: false, // live ones not read yet, the last that has rung, and whether it is still ringing
  gone: null, // the incident that was shown and is no longer the crew's after a new connection, until its end is told
  rang: null, left: null, // assignments that have rung, or were refused or cleared here
  callerOf: null, // incident and stage whose caller was asked for
};
const root = document.getElementById("terminal");
let noticeId = 0;
let positionSaid = "off"; // as drawn
let sentAt = -Infinity; // performance.now(): a clock that is set back would keep the crew silent until it has caught up
let routeAskedAt = -Infinity;

const send = (message) => link.send(message);
const outbox = new Outbox("commands", { send, changed, refused, accepted() {}, message: ({ command, incidentId, fields }) => ({ type: "command", command, incident_id: incidentId, ...fields }) });
// Calls for help wait for nothing that was said before them.
const alarms = new Outbox("alarms", { send, changed, refused, accepted: received, message: ({ fields }) => ({ type: "panic", ...fields }) });
let leaving = false; // logging out
const uploads = new Uploads(changed, () => { location.href = LOGIN; });
const hold = new Hold(changed, callForHelp);
const recorder = new Recorder((incidentId, file) => {
  if (state.sheet === "voice") state.sheet = null;
  keeping(uploads.add(incidentId, file));
});
const scene = new Scene({ changed, loggedOut: () => { location.href = LOGIN; }, refused: filmRefused });
const filming = new Filming({ changed, begun: (row) => scene.begun(row), kept: (row) => scene.kept(row), ended: filmed });
const link = new Link({ message: (message) => HEARD[message.type]?.(message), state: connection, ended: endedBecause });

// Drawing ------------------------------------------------------------------------------------------------------------

let drawing = 0;
function changed() {
  drawing ||= requestAnimationFrame(draw);
}

function set(change) {
  Object.assign(state, change);
  changed();
}

function draw() {
  drawing = 0;
  positionSaid = positionSays();
  const rows = outbox.own();
  const calls = alarms.own();
  const assignment = shownAssignment(state.incident, state.unit?.unit_id, rows);
  const waitingFiles = uploads.waiting();
  const own = uploads.own();
  const films = scene.own().filter((row) => row !== filming.run?.row);
  const waitingFilms = scene.waiting();
  render(root, {
    ...state, muster: mustered(), assignment, askedAt: askedAt(state.incident, assignment, rows), nowMs: nowMs(), sound: soundAllowed(), waiting: rows.length, status: shownStatus(state.unit, rows),
    files: own.filter((file) => file.state !== "stored" || file.incidentId === state.incident?.incident_id),
    types: state.codes.incident_type, warningKinds: state.codes.place_warning, outcomes: state.codes.disposition, checklist: checklist(),
    alarms: [...(state.alarm && state.alarm.unitId === state.unit?.unit_id ? [{ ...state.alarm, state: "received" }] : []), ...calls.map(({ key, happenedAt: at }) => ({ key, at, state: state.connected && alarms.asked === key ? "sent" : "queued" }))],
    comes: musterAnswer(mustered(), rows), signedOn: isSignedOn(state.duty, rows),
    remarks: assignment ? unreadNotes(state.incident, state.unit?.unit_id, rows) : [], casts: unreadCasts(state.broadcasts, rows, nowMs()),
    positionSays: positionSaid, hold, recordedS: recorder.seconds, canRecord: canRecord(), canFilm: canFilm(), filmStarts: filming.starting, film: filmShown(),
    films: films.filter((row) => row.state !== "stored" || row.incidentId === state.incident?.incident_id).map((row) => ({ row, share: scene.share(row), connected: scene.isConnected(row) })),
    unsent: rows.length + calls.length + waitingFiles.filter((file) => own.includes(file)).length + waitingFilms.filter((row) => row.unitId === scene.unitId).length,
    othersWait: outbox.rows.length - rows.length + alarms.rows.length - calls.length + waitingFiles.filter((file) => !own.includes(file)).length + waitingFilms.filter((row) => row.unitId !== scene.unitId).length,
  }, act);
}

// How well the crew's place is known: "on", "old", "refused" by the server, "denied" by the phone, or "off" while there is none.
function positionSays() {
  if (state.position === null) return state.positionDenied ? "denied" : "off";
  if (performance.now() - state.fixRefusedAt < REFUSED_FOR_MS) return "refused";
  return Math.abs(Date.now() - state.fixedAt) > OLD_FIX_MS ? "old" : "on";
}

function notice(kind, title, ...lines) {
  state.notices = [...state.notices.slice(-2), { id: ++noticeId, kind, title, lines: lines.filter(Boolean) }];
  changed();
}

// What the officer does ----------------------------------------------------------------------------------------------

const keeping = (promise) => promise.catch(() => notice("bad", t("keep_failed")));
// The check-list that goes with the incident; codes kept from before have none.
const checklist = () => (state.incident ? checklistFor(state.codes.checklist ?? [], state.incident.incident_type) : null);
const keepDraft = () => keeping(remember("draft", { draft: state.draft, outcome: state.outcome, checks: state.checks, assignmentId: current().assignmentId }));
const current = () => ({ incidentId: state.incident.incident_id, assignmentId: ownAssignment(state.incident, state.unit.unit_id).assignment_id });

const act = {
  step(command) {
    silence();
    if (command === "clear") state.left = current().assignmentId;
    keeping(outbox.give(command, current()));
  },
  sendFeedback() {
    const outcome = state.codes.disposition.find((row) => row.id === state.outcome);
    keeping(outbox.give("feedback", current(), { text: state.draft.trim() || codeName(outcome), form: feedbackForm(outcome, checklist(), state.checks) }));
    // What was ticked stays ticked: feedback may be returned to be completed.
    set({ sheet: null, draft: "", outcome: null });
    keepDraft();
  },
  refuse() {
    state.left = current().assignmentId;
    keeping(outbox.give("refuse", current(), { text: state.draft.trim() }));
    set({ sheet: null, draft: "" });
    keeping(forgetShown("draft"));
  },
  open(sheet) {
    silence();
    if (sheet === "refuse") state.draft = "";
    set({ sheet });
  },
  draft(draft, isPhrase = false) {
    if (isPhrase) root.querySelector("textarea").value = draft;
    set({ draft });
    keepDraft();
  },
  outcome(outcome) {
    set({ outcome });
    keepDraft();
  },
  check(id) {
    set({ checks: { ...state.checks, [id]: !state.checks[id] } });
    keepDraft();
  },
  async record() {
    const { incidentId, assignmentId } = current();
    try {
      await recorder.start(incidentId, t("voice"));
    } catch (error) {
      notice("bad", t("no_recording"), error.name === "NotAllowedError" ? t("microphone_refused") : error.message);
      return;
    }
    // While the phone asked whether it may, the task may have ended.
    if (ownAssignment(state.incident, state.unit.unit_id)?.assignment_id === assignmentId) set({ sheet: "voice" });
    else recorder.stop(false);
  },
  recorded(isWanted) {
    recorder.stop(isWanted);
    set({ sheet: null });
  },
  async film() {
    const { incidentId, assignmentId } = current();
    try {
      await filming.start(state.unit.unit_id, incidentId);
    } catch (error) {
      const why = { NotAllowedError: "camera_refused", NotFoundError: "no_camera", QuotaExceededError: "film_full" }[error.name];
      notice("bad", t("no_filming"), why ? t(why) : error.message);
      return;
    }
    keepScreenOn();
    // While the phone asked whether it may, the task may have ended.
    if (ownAssignment(state.incident, state.unit.unit_id)?.assignment_id === assignmentId) set({ sheet: "film" });
    else filming.stop("over");
  },
  stopFilm() {
    filming.stop();
    set({ sheet: null });
  },
  async turnCamera() {
    try {
      await filming.turn();
    } catch (error) {
      set({ sheet: null });
      notice("bad", t("no_filming"), error.message);
    }
  },
  retryFilm: (row) => scene.retry(row),
  dropFilm: (row) => keeping(scene.discard(row)),
  status(status) {
    if (status !== shownStatus(state.unit, outbox.own())) keeping(outbox.give("set_unit_status", {}, { status }));
    set({ sheet: null });
  },
  sign(command) {
    keeping(outbox.give(command));
    set({ sheet: null });
  },
  muster(coming) {
    silence();
    keeping(outbox.give("answer_muster", {}, { muster_id: state.muster.muster_id, coming }));
  },
  files: (list) => list.forEach((file) => keeping(uploads.add(state.incident.incident_id, file))),
  readNote: (note) => keeping(outbox.give("read_note", current(), { note_id: note.note_id })),
  readCast(cast) {
    silence();
    keeping(outbox.give("read_broadcast", {}, { broadcast_id: cast.broadcast_id }));
    callCast();
  },
  retry: (file) => uploads.retry(file),
  drop: (file) => uploads.drop(file),
  dismiss: (id) => set({ notices: state.notices.filter((one) => one.id !== id) }),
  forgetAlarm() {
    set({ alarm: null });
    keeping(forgetShown("alarm"));
  },
  allowSound: () => allowSound().then(changed),
  async install() {
    const offer = state.install;
    set({ install: null }); // it can be accepted or refused once
    await offer.prompt();
  },
  reload: () => location.reload(),
  resume() {
    set({ ended: null });
    keeping(Promise.all([outbox.load(), alarms.load(), uploads.load(), scene.load()]));
    link.resume();
  },
  language(language) {
    chooseLanguage(language);
    // The log-in page and the desk read the same cookie.
    document.cookie = `liandong_lang=${language}; path=/; max-age=${REMEMBERED_S}; samesite=lax`;
    changed();
  },
  theme(theme) {
    localStorage.setItem("theme", theme);
    state.theme = theme;
    wear();
    changed();
  },
  async logout() {
    leaving = true;
    try {
      await fetch("/logout", { method: "POST" });
    } catch {
      leaving = false;
      notice("bad", t("logout_failed"));
      return;
    }
    await Promise.allSettled(["picture", "draft", "alarm", "broadcasts"].map(forgetShown));
    location.href = LOGIN;
  },
};

function refused(row, { rule, detail }) {
  chime();
  notice("bad", row.command === "panic" ? t("panic_refused") : t("not_accepted", { what: t(row.command) ?? row.command }), ruleWord(rule), detail);
}

// Stopped here, by the phone, or by the end of the task; `why` as in filming.js.
function filmed(row, why) {
  scene.ended(row);
  if (why === "rolled" || why === "turned") return;
  if (why) notice("loud", t("film_stopped"), t(FILM_ENDS[why]));
  if (state.sheet === "film" && !filming.run) set({ sheet: null });
}

function filmRefused(row, rule, detail) {
  chime();
  notice("bad", t("film_refused"), ruleWord(rule), detail);
}

function filmShown() {
  const { run } = filming;
  return run && { id: run.row.id, seconds: filming.seconds, bytes: run.bytes, dark: run.dark, kind: run.kind, roomS: run.roomS, stream: run.stream, facing: filming.facing,
    unsent: scene.unsent(run.row), connected: scene.isConnected(run.row) };
}

function callForHelp() {
  const { position } = state;
  recorder.stop();
  set({ sheet: null });
  keeping(alarms.give("panic", {}, position ? { lon: position.lon, lat: position.lat, position_at: stamp(state.fixedAt) } : {}));
  if (state.ended === "replaced") act.resume(); // this page has given its line to another; now it needs it
}

function received(row, { number }) {
  navigator.vibrate?.([100, 60, 100]);
  set({ alarm: { unitId: row.unitId, key: row.key, at: row.happenedAt, number } });
  keeping(remember("alarm", state.alarm));
}

// What the server says -----------------------------------------------------------------------------------------------

const HEARD = {
  hello({ unit, duty, muster, incidents, broadcasts }) {
    const incident = incidents.findLast((one) => isActive(ownAssignment(one, unit?.unit_id))) ?? null;
    if (incident?.incident_id !== state.incident?.incident_id) Object.assign(state, { caller: null, callerOf: null, route: null, gone: state.incident });
    Object.assign(state, { unit, duty, muster });
    alarms.greeted(unit?.unit_id ?? null);
    outbox.greeted(unit?.unit_id ?? null);
    uploads.greeted(unit?.unit_id ?? null);
    scene.greeted(unit?.unit_id ?? null);
    show(incident);
    calledIn();
    keepCasts(broadcasts.map((one) => one.broadcast));
    fetchCodes();
  },
  push(message) {
    link.send({ type: "delivered", incident_id: message.incident_id, assignment_id: message.assignment_id });
    if (message.incident_id !== state.incident?.incident_id) Object.assign(state, { route: null, notices: [] });
    Object.assign(state, { unit: message.unit, caller: message.caller });
    show(message.incident);
  },
  incident(message) {
    state.unit = message.unit;
    const others = sentAsWell(message.incident, ownAssignment(message.incident, message.unit_id)).length;
    const before = state.incident ? sentAsWell(state.incident, ownAssignment(state.incident, message.unit_id)).length : 0;
    if (others > before) chime();
    if (hasNewNote(message)) chime();
    show(message.incident);
  },
  recall(message) {
    link.send({ type: "delivered", incident_id: message.incident_id, assignment_id: message.assignment_id });
    state.unit = message.unit;
    const mine = [state.incident, state.gone].find((one) => ownAssignment(one, message.unit_id)?.assignment_id === message.assignment_id);
    const name = mine ? [t("number", { n: mine.number }), mine.address].filter(Boolean).join(" · ") : "";
    if (mine && mine === state.incident) show(null);
    if (mine && mine === state.gone) state.gone = null;
    if (message.stage === "recalled") {
      chime();
      notice("loud", t("recalled"), name, message.reason && t("reason", { text: message.reason }));
    } else if (mine && message.assignment_id !== state.left) {
      const how = message.stage === "released" ? "" : t("over_as", { stage: stageWord(message.stage) });
      const isAwaited = !ownAssignment(mine, message.unit_id).arrived_at; // it may be driving there
      if (isAwaited) chime();
      notice(isAwaited ? "loud" : "", t("over"), name, how, message.reason && t("reason", { text: message.reason }));
    }
    changed();
  },
  broadcast: ({ broadcast }) => keepCasts([...state.broadcasts.filter((one) => one.broadcast_id !== broadcast.broadcast_id), broadcast]),
  broadcast_over({ broadcast_id, recalled, replaced_by, text }) {
    if (recalled && !replaced_by) notice("", t("cast_recalled"), text);
    keepCasts(state.broadcasts.filter((one) => one.broadcast_id !== broadcast_id));
  },
  unit({ unit, duty, muster }) {
    set({ unit, duty, muster });
    calledIn();
  },
  rejected: ({ reason }) => HARMLESS.has(reason) || set({ fixRefusedAt: performance.now() }),
  result: (message) => keeping(Promise.all([outbox.answered(message), alarms.answered(message)])),
  error: ({ key, reason }) => key && HEARD.result({ key, ok: false, rule: "", detail: reason }),
};

function hasNewNote({ incident, unit_id }) {
  const known = new Set(incident.incident_id === state.incident?.incident_id ? state.incident.notes.map((one) => one.note_id) : []);
  return unreadNotes(incident, unit_id, outbox.own()).some((one) => !known.has(one.note_id));
}

function connection(connected) {
  if (!connected && state.connected) state.asOf = nowMs();
  if (connected) sendFix();
  set({ connected });
}

function endedBecause(reason) {
  if (reason === "session_ended") {
    // Who logs out goes when nothing of the crew is left on the device, not as soon as the server has ended the session.
    if (!leaving) location.href = LOGIN;
    return;
  }
  uploads.pause();
  scene.pause();
  recorder.stop();
  filming.stop("over");
  silence();
  set({ ended: reason });
}

// The incident this unit is on now, or null.
function show(incident) {
  const before = ownAssignment(state.incident, state.unit?.unit_id)?.assignment_id;
  const mine = ownAssignment(incident, state.unit?.unit_id);
  if (mine?.assignment_id !== before) {
    silence();
    recorder.stop();
    if (before) filming.stop("over");
    Object.assign(state, { sheet: null, draft: "", outcome: null, checks: {} });
  }
  state.incident = incident;
  keeping(remember("picture", { unit: state.unit, incident, at: nowMs() }));
  changed();
  if (!incident) return;
  const shown = shownAssignment(incident, state.unit.unit_id, outbox.own());
  if (shown?.stage === "pushed") called(incident, mine);
  else if (!state.castRings) silence();
  callCast();
  updateCaller();
  updateRoute();
}

function called(incident, assignment) {
  if (state.rang !== assignment.assignment_id) state.castRings = false;
  if (state.rang !== assignment.assignment_id) ring(incident.grade, t("new_push"), `${gradeWord(incident.grade)} · ${incident.address}`);
  state.rang = assignment.assignment_id;
  sayWhetherSeen();
}

const mustered = () => runningMuster(state.muster, nowMs());

// A muster rings like a push, until the crew has answered or touched the screen.
function calledIn() {
  const muster = mustered();
  if (!muster || musterAnswer(muster, outbox.own()) !== null || state.rang === muster.muster_id) return;
  state.castRings = false;
  ring(2, t("muster"), muster.text);
  state.rang = muster.muster_id;
}

// What has yet to be read, as the server says or has just said; the device has it now.
function keepCasts(broadcasts) {
  const known = new Set(state.broadcasts.map((one) => one.broadcast_id));
  set({ broadcasts });
  for (const { broadcast_id } of broadcasts) if (!known.has(broadcast_id)) link.send({ type: "command", command: "broadcast_delivered", broadcast_id });
  keeping(remember("broadcasts", broadcasts));
  callCast();
}

// A broadcast rings like a push, but never over one or over a muster: it waits until those are answered.
function callCast() {
  const [cast] = unreadCasts(state.broadcasts, outbox.own(), nowMs());
  if (!cast) {
    if (state.castRings) silence();
    state.castRings = false;
    return;
  }
  const isCalled = shownAssignment(state.incident, state.unit?.unit_id, outbox.own())?.stage === "pushed" || (mustered() && musterAnswer(mustered(), outbox.own()) === null);
  if (cast.broadcast_id === state.castRang || isCalled) return;
  Object.assign(state, { castRang: cast.broadcast_id, castRings: true });
  ring(cast.urgent ? 1 : 3, castTitle(cast), cast.text.slice(0, 120));
}

// Seen: the push stands on a screen that is switched on with this page in front.
function sayWhetherSeen() {
  const mine = ownAssignment(state.incident, state.unit?.unit_id);
  if (document.hidden || mine?.stage !== "pushed" || mine.seen_at) return;
  link.send({ type: "seen", incident_id: state.incident.incident_id, assignment_id: mine.assignment_id, happened_at: stamp() });
}

// Once for each question: a sound and a buzz, on a phone in a pocket too.
function askWhetherWell() {
  const at = askedAt(state.incident, shownAssignment(state.incident, state.unit?.unit_id, outbox.own()), outbox.own());
  if (at === null || nowMs() < at || state.askedFor === at) return;
  state.askedFor = at;
  chime();
}

// What is asked of the API -------------------------------------------------------------------------------------------

async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer.json();
}

// Names of incident types and outcomes; kept, so that they are there without a network.
async function fetchCodes() {
  try {
    state.codes = await ask("/api/v1/codes");
  } catch {
    return; // the ones kept from the last time serve until the next hello
  }
  keeping(remember("codes", state.codes));
  changed();
}

// After a reload the push with its caller is long delivered; after the feedback the number is masked.
async function updateCaller() {
  const { incident } = state;
  const wanted = `${incident.incident_id} ${Boolean(ownAssignment(incident, state.unit.unit_id).feedback_at)}`;
  if (!incident.has_caller || wanted === state.callerOf) return;
  state.callerOf = wanted;
  try {
    const { caller } = await ask(`/api/v1/incidents/${encodeURIComponent(incident.incident_id)}`);
    if (state.incident?.incident_id === incident.incident_id) set({ caller });
  } catch {
    state.callerOf = null; // asked again with the next change or connection
  }
}

async function updateRoute() {
  const { incident, position } = state;
  const mine = ownAssignment(incident, state.unit?.unit_id);
  if (!position || !mine || mine.arrived_at || incident.lon === null || document.hidden) return;
  if (state.route?.of === incident.incident_id && performance.now() - routeAskedAt < ROUTE_EVERY_MS) return;
  routeAskedAt = performance.now();
  // Without an answer the last way stays; its age shows in the time that is left.
  const route = await fetchRoute(position, incident, state.unit.kind).catch(() => null);
  if (route && state.incident?.incident_id === incident.incident_id) set({ route: { ...route, at: nowMs(), of: incident.incident_id } });
}

function unfixed(error) {
  if (error.code === error.PERMISSION_DENIED) set({ position: null, positionDenied: true });
}

function fixed({ coords, timestamp }) {
  const isFirst = state.position === null;
  const { longitude: lon, latitude: lat, speed: speed_mps, heading } = coords;
  // A phone that stands still knows no heading; browsers say NaN then.
  const heading_deg = Number.isFinite(heading) ? heading : null;
  Object.assign(state, { position: { lon, lat, speed_mps, heading_deg }, fixedAt: timestamp, positionDenied: false });
  if (performance.now() - sentAt >= POSITION_EVERY_MS) sendFix();
  if (isFirst) changed();
  updateRoute();
}

function sendFix() {
  if (state.position && link.send({ type: "position", ...state.position, position_at: stamp(state.fixedAt) })) sentAt = performance.now();
}

// Start --------------------------------------------------------------------------------------------------------------

function wear() {
  const isLight = state.theme === "auto" ? matchMedia("(prefers-color-scheme: light)").matches : state.theme === "light";
  document.documentElement.dataset.theme = isLight ? "light" : "dark";
  document.querySelector("meta[name=theme-color]").content = getComputedStyle(document.documentElement).getPropertyValue("--ground");
}

async function start() {
  const asked = new URLSearchParams(location.search);
  const cookie = document.cookie.split("; ").find((part) => part.startsWith("liandong_lang="))?.split("=")[1];
  chooseLanguage(asked.get("lang") ?? cookie ?? navigator.language);
  state.theme = asked.get("theme") ?? localStorage.getItem("theme") ?? "auto";
  wear();
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", wear);
  await keeping(restore());
  draw();
  link.connect();
}

async function restore() {
  const [picture, codes, kept, alarm, broadcasts] = await Promise.all(["picture", "codes", "draft", "alarm", "broadcasts"].map(recall));
  if (codes) state.codes = codes;
  if (alarm) state.alarm = alarm;
  if (broadcasts) state.broadcasts = broadcasts;
  if (picture?.unit) {
    Object.assign(state, { unit: picture.unit, incident: picture.incident, asOf: picture.at });
    outbox.unitId = alarms.unitId = uploads.unitId = scene.unitId = picture.unit.unit_id;
    const mine = ownAssignment(picture.incident, picture.unit.unit_id);
    if (kept && mine && kept.assignmentId === mine.assignment_id) Object.assign(state, { draft: kept.draft, outcome: kept.outcome, checks: kept.checks ?? {} });
  }
  await Promise.all([outbox.load(), alarms.load(), uploads.load(), scene.load()]);
}

navigator.geolocation?.watchPosition(fixed, unfixed, { enableHighAccuracy: true });
setInterval(() => { if (performance.now() - sentAt >= STILL_EVERY_MS) sendFix(); }, STILL_EVERY_MS / 2);
setInterval(() => { updateRoute(); askWhetherWell(); if (positionSays() !== positionSaid) changed(); if (!document.hidden && (state.incident || state.muster || state.broadcasts.length || filming.run)) changed(); }, 1000);
document.addEventListener("visibilitychange", () => { sayWhetherSeen(); if (soundAllowed() || filming.run) keepScreenOn(); });
addEventListener("pointerdown", silence);
addEventListener("beforeinstallprompt", (event) => { event.preventDefault(); set({ install: event }); });
navigator.serviceWorker?.register("/terminal/sw.js", { scope: "/terminal" });
start();
