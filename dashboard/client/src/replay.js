// Replay: the same screen by another clock. The socket is opened at a moment of the past; everything else on the page asks what
// time it is here. Every request says that the page shows the past, and the server refuses whatever would change something.
import { send, reconnect } from "./live.js";
import { isoOf, on, serverNow, state, tell } from "./state.js";
import { t } from "./words.js";

export const SPEEDS = [0.5, 1, 2, 5, 10, 30, 60];
const SEEK_EVERY_MS = 120; // while somebody drags
const TELL_EVERY_MS = 1_000;
const JUMP_TAKES_MS = 3_000;
const NEAR_S = 1.5;
const AHEAD_S = 10; // more than clocks, and a jump on its way, are apart

let pushed = false; // a wall was shown this replay, and is to follow it
let waiting = null; // where to go once there is a socket, or the last jump is over: Unix s
let sentAt = -Infinity;
let timer = 0;
let wantedMs = 0; // performance.now() of the last jump that was asked for
let tellWall = false; // that it is the present again, when there is a socket

export const noMoment = () => t("This address names no moment that can be shown; this is the present.");
function whyNot(reason) {
  if (reason === "bad_moment") return noMoment();
  if (reason === "too_many_replays") return t("This account has too many replays open; close one.");
  if (reason === "past_not_readable") return t("What is kept of this moment can't be read: a file is damaged. This is the present.");
  if (reason === "not_permitted") return t("This account may not look into the past; this is the present.");
  return t("This moment can't be shown: {reason}", { reason });
}
export const inReplay = () => state.replay !== null;

// Whatever the page asks for while it shows the past says so.
function markRequests() {
  const plain = window.fetch.bind(window);
  window.fetch = (what, options = {}) => {
    if (!inReplay()) return plain(what, options);
    const headers = new Headers(options.headers ?? (what instanceof Request ? what.headers : undefined));
    headers.set("X-Replay", isoOf(serverNow()));
    return plain(what, { ...options, headers });
  };
}

export function startReplay() {
  markRequests();
  on("replay-told", (told) => {
    take(told);
    if (told.no_event) tell("toast", { kind: "bad", text: told.no_event === "next" ? t("Nothing was recorded after this moment.") : t("Nothing was recorded before this moment.") });
  });
  on("replay-refused", (reason) => {
    leave();
    tell("toast", { kind: "bad", text: whyNot(reason) });
  });
  on("hello", () => {
    if (inReplay() && waiting !== null) flush();
    if (!inReplay() && tellWall) tell("push-view");
    tellWall = false;
  });
  on("view-pushed", () => {
    pushed = inReplay();
  });
  setInterval(announce, TELL_EVERY_MS);
  window.liandong.replay = { seek, leave, setSpeed, setPlaying, step, loop };
}

// What the server says of the clock, and where it was when it said so.
function take({ at, speed, playing, loop: looped, newest_at, stepped }) {
  if (!inReplay()) return;
  // Of a jump that another has overtaken: the bar stays where the hand is.
  const { wanted } = state.replay;
  if (wanted !== null && Math.abs(at - wanted) > NEAR_S && at < newest_at - NEAR_S && performance.now() - wantedMs < JUMP_TAKES_MS) return;
  if (wanted !== null) state.replay.isAhead = wanted > newest_at + AHEAD_S;
  else if (playing || stepped) state.replay.isAhead = false;
  const changed = state.replay.speed !== speed || state.replay.playing !== playing;
  Object.assign(state.replay, { at, speed, playing, loop: looped, newestAt: newest_at, anchorMs: performance.now(), wanted: null });
  shown();
  if (changed) follow();
}

// To a moment of the past, from wherever the page is now.
export function seek(at, { playing = state.replay?.playing ?? false, speed = state.replay?.speed ?? 1 } = {}) {
  if (!inReplay()) {
    state.replay = { at, speed, playing, loop: null, newestAt: at, anchorMs: performance.now(), wanted: at, isAhead: false };
    wantedMs = performance.now();
    document.documentElement.classList.add("replaying");
    tell("replay-mode", true);
    reconnect();
    shown();
    return;
  }
  Object.assign(state.replay, { at, anchorMs: performance.now(), wanted: at });
  wantedMs = performance.now();
  waiting = at;
  const pauseMs = sentAt + SEEK_EVERY_MS - performance.now();
  clearTimeout(timer);
  if (pauseMs > 0) timer = setTimeout(flush, pauseMs);
  else flush(); // before the page is drawn for it: the server works meanwhile
  shown();
}

function flush() {
  if (waiting === null || !inReplay()) return;
  if (!send({ type: "seek", at: isoOf(waiting) })) return; // the hello of the next connection asks again
  waiting = null;
  sentAt = performance.now();
  follow();
}

export function leave() {
  if (!inReplay()) return;
  state.replay = null;
  waiting = null;
  document.documentElement.classList.remove("replaying");
  tell("replay-mode", false);
  reconnect();
  shown();
  tellWall = pushed;
  pushed = false;
}

export function setPlaying(playing) {
  if (!inReplay()) return;
  Object.assign(state.replay, { at: serverNow(), anchorMs: performance.now(), playing });
  send({ type: playing ? "play" : "pause" });
  shown();
  follow();
}

export function setSpeed(speed) {
  if (!inReplay()) return;
  Object.assign(state.replay, { at: serverNow(), anchorMs: performance.now(), speed });
  send({ type: "speed", speed });
  shown();
  follow();
}

export function faster(by) {
  if (!inReplay()) return;
  const place = SPEEDS.findIndex((speed) => speed >= state.replay.speed);
  setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, place + by))]);
}

// To the next or previous event; of the selected incident where `ofSelected`.
export function step(to, ofSelected = false) {
  if (!inReplay()) return;
  const incident_id = ofSelected && state.selection?.kind === "incident" ? state.selection.incident_id : null;
  send({ type: "step", to, incident_id });
}

export function loop(from, to) {
  if (inReplay()) send({ type: "loop", from: from === null ? null : isoOf(from), to: to === null ? null : isoOf(to) });
}

// Another part of the page, or a wall, goes by what a view says: null is the present.
export function followView(view) {
  if (!view) leave();
  else {
    const at = Date.parse(view.at) / 1000;
    seek(at, view);
    if (state.replay.speed !== view.speed) setSpeed(view.speed);
    if (state.replay.playing !== view.playing) setPlaying(view.playing);
  }
}

export const replayView = () => (inReplay() ? { at: isoOf(serverNow()), speed: state.replay.speed, playing: state.replay.playing } : null);

// A wall that was shown this replay is told when its clock is set otherwise.
function follow() {
  if (pushed) tell("push-view");
}

function shown() {
  tell("replay-clock", clock());
  announce();
}

const clock = () => (inReplay() ? { at: serverNow(), speed: state.replay.speed, playing: state.replay.playing } : { at: null, speed: 1, playing: true });

// For whatever plays beside the map, as video: the same clock, each second and whenever it is set.
function announce() {
  window.dispatchEvent(new CustomEvent("liandong-replay", { detail: clock() }));
}
