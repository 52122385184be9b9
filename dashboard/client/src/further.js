// Further calls: while a call is typed, the server is asked what it may be a further call about whenever the typing pauses; and
// of each new incident, so that its card says so before anybody opens it.
import { isOpen } from "./live.js";
import { on, serverNow, setProps, state, tell } from "./state.js";

const PAUSE_MS = 350;
const TOGETHER_MS = 250; // new incidents of a storm are asked about together
const NEW_S = 900; // older ones have been looked at
const MOST = 50; // as `MOST_NEW` of callbacks/further_calls.py
const MAY_MATTER = new Set(["incident_received", "incident_located", "incident_classified", "incident_reopened", "incident_merged", "call_added", "incidents_told_apart"]);

const alike = new Map(); // incident_id → number of the one it may be the same as
const toAsk = new Set();
let waiting = 0;

export const alikeOf = (incident) => alike.get(incident.incident_id) ?? null;

export function startFurtherCalls() {
  let typing = 0;
  document.getElementById("new-dialog").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => setProps("new-typed", { data: Date.now() }), PAUSE_MS);
  });
  on("incident", ({ incident, event }) => {
    // What was merged or told apart concerns the other one as well.
    if (MAY_MATTER.has(event?.event)) ask([incident.incident_id, ...alike.keys()]);
  });
  on("replay-mode", () => alike.clear());
  on("hello", () => ask([...state.incidents.keys()]));
  ask([...state.incidents.keys()]);
}

function ask(ids) {
  if (state.replay) return; // the question is what a call that comes in now may be about
  for (const id of ids) toAsk.add(id);
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const fresh = [...toAsk].map((id) => state.incidents.get(id)).filter((one) => one && isOpen(one) && state.config.own.includes(one.org_code));
    const newest = fresh.filter((one) => serverNow() - Date.parse(one.received_at) / 1000 < NEW_S).sort((a, b) => b.number - a.number);
    toAsk.clear();
    if (newest.length) setProps("alike-asked", { data: { ids: newest.slice(0, MOST).map((one) => one.incident_id), at: Date.now() } });
  }, TOGETHER_MS);
}

export function alikeFound(found) {
  if (!found) return;
  for (const id of found.of) {
    if (found.alike[id] === undefined) alike.delete(id);
    else alike.set(id, found.alike[id]);
  }
  tell("alike");
}
