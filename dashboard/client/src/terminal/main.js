// The officer's page: one state, one render, everything that happens changes the state.
import { allowSound, ring, silence, soundAllowed } from "./alarm.js";
import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { fetchRoute } from "./route.js";
import { Uploads } from "./uploads.js";
import { render } from "./view.js";
import { chooseLanguage, currentLanguage } from "./words.js";

const ACTIVE = ["pushed", "acknowledged", "en_route", "on_scene", "feedback"];
// What the page shows at once when a button is pressed, until the server has said the same.
const STAGE_OF = { acknowledge: "acknowledged", depart: "en_route", arrive: "on_scene", feedback: "feedback" };
const POSITION_EVERY_MS = 3000;

const state = {
  known: false, connected: false, unit: null, incident: null, assignment: null, route: null, position: null,
  caller: null, waiting: 0, problem: "", message: "", writing: null, draft: "", files: [], sound: false,
};
let lastSentAt = 0;

const root = document.getElementById("terminal");
const draw = () => render(root, state, act);
function set(change) {
  Object.assign(state, change);
  draw();
}

const outbox = new Outbox(
  (row, problem) => {
    if (problem) set({ problem: problem.detail ?? problem.title });
    if (problem) link.send({ type: "resync" });
  },
  (waiting) => waiting !== state.waiting && set({ waiting }),
);
const uploads = new Uploads((files) => set({ files: files.filter((f) => f.state !== "stored" || f.incidentId === state.incident?.incident_id) }));

const act = {
  give(command) {
    silence();
    const fields = command === "feedback" || command === "refuse" ? { text: state.draft } : {};
    outbox.give(state.incident.incident_id, command, fields);
    const assignment = command === "refuse" ? null : { ...state.assignment, stage: STAGE_OF[command] };
    set({ assignment, incident: assignment && state.incident, writing: null, draft: "", problem: "", message: "" });
  },
  write: (writing) => { silence(); set({ writing, draft: writing ? state.draft : "" }); },
  draft: (draft) => { state.draft = draft; },
  files: (list) => list.forEach((file) => uploads.add(state.incident.incident_id, file)),
  retry: (order) => uploads.retry(order),
  allowSound: () => { allowSound(); set({ sound: true }); },
  language: () => {
    const next = currentLanguage() === "en" ? "zh-CN" : "en";
    localStorage.setItem("language", next);
    chooseLanguage(next);
    draw();
  },
};

// An incident as the server sees it now, with this unit's assignment in it.
function show(incident) {
  const mine = incident.assignments.findLast((a) => a.unit_id === state.unit?.unit_id);
  const active = mine && ACTIVE.includes(mine.stage);
  const isCurrent = state.incident?.incident_id === incident.incident_id;
  if (!active) {
    if (!isCurrent) return;
    silence();
    const message = mine?.stage === "recalled" ? "recalled" : "over";
    set({ incident: null, assignment: null, route: null, writing: null, draft: "", message });
    return;
  }
  const fresh = mine.stage === "pushed" && state.assignment?.assignment_id !== mine.assignment_id;
  set({ incident, assignment: mine, route: isCurrent ? state.route : null, message: fresh ? "" : state.message, problem: fresh ? "" : state.problem });
  if (fresh) ring(incident.grade);
  if (fresh && !document.hidden) link.send({ type: "seen", incident_id: incident.incident_id, assignment_id: mine.assignment_id });
  if (!state.route) updateRoute();
}

async function updateRoute() {
  const { incident, position } = state;
  if (!incident || incident.lon === null || !position) return;
  const route = await fetchRoute(position, incident).catch(() => null);
  const coordinates = route?.line?.coordinates ?? route?.geometry?.coordinates;
  if (route && state.incident?.incident_id === incident.incident_id) set({ route: { ...route, coordinates } });
}

const HEARD = {
  hello(message) {
    state.known = true;
    state.unit = message.unit;
    const incidents = message.incidents ?? [];
    if (!incidents.some((i) => i.incident_id === state.incident?.incident_id)) Object.assign(state, { incident: null, assignment: null, route: null });
    incidents.forEach(show);
    draw();
  },
  push(message) {
    link.send({ type: "delivered", incident_id: message.incident_id, assignment_id: message.assignment_id });
    Object.assign(state, { unit: message.unit, caller: message.caller });
    show(message.incident);
  },
  incident(message) {
    state.unit = message.unit;
    show(message.incident);
  },
  bye: (message) => message.reason === "replaced" && set({ message: "replaced" }),
  recall(message) {
    link.send({ type: "delivered", unit_id: message.unit_id, incident_id: message.incident_id, assignment_id: message.assignment_id });
    if (state.incident?.incident_id !== message.incident_id) return;
    silence();
    set({ incident: null, assignment: null, route: null, writing: null, unit: message.unit, message: message.stage === "recalled" ? "recalled" : "over" });
  },
  unit: (message) => set({ unit: message.unit }),
};

chooseLanguage(localStorage.getItem("language") ?? navigator.language);
const link = new Link((message) => HEARD[message.type]?.(message), (connected) => connected !== state.connected && set({ connected }));
draw();
outbox.flush();
uploads.flush();

navigator.geolocation?.watchPosition(({ coords, timestamp }) => {
  const first = state.position === null;
  state.position = { lon: coords.longitude, lat: coords.latitude };
  if (timestamp - lastSentAt >= POSITION_EVERY_MS) {
    lastSentAt = timestamp;
    link.send({ type: "position", lon: coords.longitude, lat: coords.latitude, position_at: new Date(timestamp).toISOString(),
      speed_mps: coords.speed, heading_deg: coords.heading, accuracy_m: coords.accuracy });
  }
  if (first) { draw(); updateRoute(); }
}, () => set({ position: null }), { enableHighAccuracy: true });
setInterval(updateRoute, 15_000);
addEventListener("pointerdown", () => { if (state.sound && !soundAllowed()) allowSound(); silence(); });
navigator.serviceWorker?.register("/terminal/sw.js", { scope: "/terminal" });
