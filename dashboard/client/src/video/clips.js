// Clips of the selected incident beside the map of then: while the page replays, the clips and scene videos of the incident play in the
// dock, in step with the time bar. And marking a moment, which is how clips come about.
import { isoOf, on, presentNow, state, tell } from "../state.js";
import { clockText, dateTimeText, t } from "../words.js";
import { nameOf } from "./camera.js";
import { nearestTo, playInStep, replayClock } from "./in_step.js";

const MOST = 9; // pictures that a computer without a graphics card decodes beside the map
const CHOOSE_AGAIN_MS = 1_000; // where there are more, those of the moment that the clock has come to
const AFTER_S = 30;

let playing = null; // of the incident that is shown: {incidentId, step, clock, clips, chosen, choosing}
let asked = 0;

const holder = () => document.querySelector("#video .clip-tiles");

export function startClips() {
  if (!state.config.seesEvidence) return;
  on("replay-mode", follow);
  on("selection", follow);
  on("replay-clock", () => {
    choose();
    playing?.step.follow();
  });
}

const incidentId = () => (state.replay && state.selection?.kind === "incident" ? state.selection.incident_id : null);

// The present, though the page's clock is of then.
const watcher = () => `${state.config.viewer} · ${dateTimeText(presentNow())}`;

async function follow() {
  const wanted = incidentId();
  if (playing?.incidentId === wanted) return;
  end();
  if (wanted === null) return;
  const mine = ++asked;
  const answer = await fetch(`/api/v1/incidents/${encodeURIComponent(wanted)}/clips`).catch(() => null);
  const found = answer?.ok ? await answer.json().catch(() => null) : null;
  if (mine !== asked || incidentId() !== wanted || !found?.in_step.length) return;
  const clock = replayClock();
  playing = { incidentId: wanted, clock, step: playInStep(holder(), clock, { over: watcher }), clips: found.in_step, chosen: "", choosing: setInterval(choose, CHOOSE_AGAIN_MS) };
  choose();
  shown(found.in_step.length);
}

function choose() {
  if (!playing) return;
  const some = nearestTo(playing.clips, playing.clock().at, MOST);
  const chosen = some.map((clip) => clip.id).join();
  if (chosen === playing.chosen) return; // moved in the page, a video would stop
  playing.chosen = chosen;
  playing.step.show(some);
}

function end() {
  asked += 1;
  clearInterval(playing?.choosing);
  playing?.step.remove();
  playing?.clock.stop();
  playing = null;
  shown(0);
}

function shown(count) {
  holder().hidden = !count;
  tell("clips-shown", count);
}

// For measurements and tests.
export const clipOffsets = () => playing?.step.offsets() ?? [];

// Mark what a tile shows for a clip of the selected incident. `atS`: when its picture was taken, Unix seconds.
export async function bookmark(camera, atS) {
  const incident = state.selection?.kind === "incident" ? state.selection.incident_id : null;
  if (incident === null) return tell("toast", { kind: "bad", text: t("Select the incident that the clip belongs to, then mark the moment.") });
  const number = state.incidents.get(incident)?.number ?? "";
  const tenths = Math.floor(atS * 10); // pressed twice it is one moment, whose key stands for one instant; never a coming one
  const headers = { "Content-Type": "application/json", "Idempotency-Key": `moment-${incident}-${camera.id}-${tenths}` };
  const body = JSON.stringify({ camera_id: camera.id, at: isoOf(tenths / 10), after_s: AFTER_S });
  const answer = await fetch(`/api/v1/incidents/${encodeURIComponent(incident)}/clips`, { method: "POST", headers, body }).catch(() => null);
  if (answer?.ok) return tell("toast", { kind: "good", text: t("Marked {time}, {camera}: its clip is kept with #{number} in about {s} s.", { time: clockText(atS), camera: nameOf(camera), number, s: AFTER_S }) });
  const problem = await answer?.json().catch(() => null);
  tell("toast", { kind: "bad", text: t("The moment was not marked: {why}", { why: problem?.detail ?? t("The server doesn't answer") }) });
}
