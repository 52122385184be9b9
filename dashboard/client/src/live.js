// The live socket: connects for ever, resumes by revision, hands texts and frames on. Nothing here draws.
import { isoOf, serverNow, silentMs, state, tell } from "./state.js";

const MAGIC = 0x444c;
const VERSION = 1;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
const PING_EVERY_MS = 15_000;
// A frame comes at least once a second; this long without one and the picture is no longer live.
export const SILENT_AFTER_MS = 2_000;
// A socket that says nothing for this long is dead even if nobody has closed it.
const GIVE_UP_AFTER_MS = 12_000;
// An answer that took longer says little of what time it is: it may have waited while the machine slept.
const PROMPT_S = 5;
const CLOCK_SET_MS = 1_000; // the machine's clock was set, or it has slept

let socket = null;
let delayMs = FIRST_DELAY_MS;
let openedAt = 0;
let retry = 0;
let farewell = ""; // why the server has closed

export function connect() {
  const query = new URLSearchParams();
  if (state.replay) {
    query.set("at", isoOf(serverNow()));
    query.set("speed", String(state.replay.speed));
    query.set("playing", state.replay.playing ? "1" : "0");
  } else if (state.revision !== null) query.set("revision", String(state.revision));
  const root = document.documentElement.dataset;
  if (root.page === "wall") query.set("screen", root.screen);
  if (state.config.desk) query.set("scope", state.config.desk);
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/live?${query}`);
  socket.binaryType = "arraybuffer";
  const mine = socket;
  openedAt = performance.now();
  socket.onopen = () => ping();
  socket.onmessage = (message) => {
    if (mine !== socket) return;
    Object.assign(state, { heardAt: performance.now(), heardByClock: Date.now() });
    if (typeof message.data === "string") onText(JSON.parse(message.data));
    else onFrame(message.data);
  };
  socket.onclose = (closed) => {
    if (mine !== socket) return;
    setConnected(false);
    // What can't be shown of the past is no reason to lose the present.
    if (state.replay && [4400, 4403, 4429, 4500].includes(closed.code)) tell("replay-refused", farewell);
    else if (closed.code === 4401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    // The organisation is no more, or no longer in this account's scope: its page says so.
    else if (state.config.desk && (closed.code === 4400 || closed.code === 4403)) location.reload();
    else again();
  };
}

// Whether it could be sent.
export function send(message) {
  if (!socket || socket.readyState !== WebSocket.OPEN) return false;
  socket.send(JSON.stringify(message));
  return true;
}

// Another clock: what this page holds is no part of what it is told next.
export function reconnect() {
  const old = socket;
  socket = null;
  old?.close();
  state.revision = null;
  clearTimeout(retry);
  connect();
}

export function startWatching() {
  const aheadMs = () => Date.now() - performance.now();
  let wasAheadMs = aheadMs();
  setInterval(() => {
    if (silentMs() > SILENT_AFTER_MS) setConnected(false);
    if (Math.abs(aheadMs() - wasAheadMs) > CLOCK_SET_MS) ping();
    wasAheadMs = aheadMs();
    if (Math.min(silentMs(), performance.now() - openedAt) > GIVE_UP_AFTER_MS && socket) {
      const dead = socket;
      socket = null;
      dead.close();
      again();
    }
  }, 250);
  setInterval(ping, PING_EVERY_MS);
  addEventListener("online", () => {
    delayMs = FIRST_DELAY_MS;
  });
}

function again() {
  socket = null;
  // Half fixed, half random: 700 pages do not come back in the same instant.
  retry = setTimeout(connect, delayMs / 2 + (Math.random() * delayMs) / 2);
  delayMs = Math.min(LONGEST_DELAY_MS, delayMs * 2);
  openedAt = performance.now() + delayMs;
}

function ping() {
  send({ type: "ping", t: Date.now() / 1000 });
}

function setConnected(connected) {
  if (state.connected === connected) return;
  state.connected = connected;
  tell("connection", connected);
}

function onText(message) {
  if (typeof message.revision === "number" && !state.replay) state.revision = message.revision;
  switch (message.type) {
    case "hello":
      delayMs = FIRST_DELAY_MS;
      state.scope = message.scope;
      if (message.replay) tell("replay-told", message.replay);
      else state.clockOffsetS = message.server_at - Date.now() / 1000;
      takeIncidents(message);
      tell("hello", message);
      break;
    case "units":
      tell("units", message);
      break;
    case "incident":
      state.incidents.set(message.incident.incident_id, message.incident);
      tell("incident", message);
      break;
    case "incident_gone":
      state.incidents.delete(message.incident_id);
      tell("incidents-replaced");
      break;
    case "elements":
      state.counts = message.counts;
      tell("counts");
      break;
    case "health":
      state.health = { ...message, feeds: Object.entries(message.feeds || {}).map(([name, feed]) => ({ name, ...feed, heardAt: feed.age_s === null ? null : message.at - feed.age_s })) };
      tell("health");
      break;
    case "coverage":
      tell("coverage", message);
      break;
    case "broadcast":
      tell("broadcast", message.broadcast);
      break;
    case "duty_circles":
      tell("duty-circles");
      break;
    case "scene_video":
      tell("scene-video", message);
      break;
    case "camera_taken":
      tell("camera-taken", message);
      break;
    case "lookers":
      tell("lookers-told", message);
      break;
    case "replay":
      tell("replay-told", message);
      break;
    case "bye":
      farewell = message.reason;
      break;
    case "view":
      tell("view", message);
      break;
    case "wall_sent":
      tell("wall-sent", message);
      break;
    case "pong": {
      const now = Date.now() / 1000;
      if (now >= message.t && now - message.t < PROMPT_S) state.clockOffsetS = message.server_at - (message.t + now) / 2;
      break;
    }
    case "error":
      tell("toast", { kind: "bad", text: message.reason });
      break;
    default:
      break; // a newer server may say more
  }
}

function takeIncidents(hello) {
  if (hello.resumed) {
    const open = new Set(hello.incident_ids);
    for (const [id, incident] of state.incidents) if (!open.has(id) && isOpen(incident)) state.incidents.delete(id);
  } else {
    state.incidents = new Map(hello.incidents.map((incident) => [incident.incident_id, incident]));
  }
  tell("incidents-replaced");
}

const ENDED = new Set(["closed", "diverted", "invalid", "cancelled", "merged"]);
export const isOpen = (incident) => !ENDED.has(incident.stage);
// Of this page's organisation, or somebody was sent from this account.
export const isMine = (incident) => incident.org_code === state.scope?.org_code || incident.assignments.some((one) => one.pushed_by === state.scope?.name);

function onFrame(buffer) {
  const view = new DataView(buffer);
  if (view.getUint16(0, true) !== MAGIC || view.getUint8(2) !== VERSION) return;
  setConnected(true);
  const pictureAt = view.getFloat64(16, true);
  if (state.replay?.wanted === null) Object.assign(state.replay, { at: pictureAt, anchorMs: performance.now() });
  tell("frame", {
    full: view.getUint8(3) === 0,
    count: view.getUint32(4, true),
    pictureAt,
    view,
    bytes: new Uint8Array(buffer),
  });
}
