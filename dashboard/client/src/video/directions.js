// Where cameras that turn look now, as they tell themselves: asked now and then while somebody looks, quickly where one is being turned.
import { state, tell } from "../state.js";

const LOOK_MS = 1_000;
const AGAIN_MS = 6_000;
const TURNING_MS = 1_200;
const MOST_AT_ONCE = 3;

const known = new Map(); // by camera: {direction, askedMs}
let wanted = []; // ids of cameras that turn and are drawn
let turning = ""; // id of the one whose pad is open
let asking = 0;

export function startDirections() {
  setInterval(look, LOOK_MS);
}

// What it told last: {heading_deg, tilt_deg, is_zoomed, at, why}, null before anything.
export const directionOf = (cameraId) => (state.replay ? null : (known.get(cameraId)?.direction ?? null));

export function wantDirections(cameraIds) {
  wanted = cameraIds;
  for (const id of known.keys()) if (id !== turning && !wanted.includes(id)) known.delete(id);
}

// The camera that somebody turns here; empty: none.
export function turningNow(cameraId) {
  turning = cameraId;
  if (cameraId) look();
}

function look() {
  if (document.hidden || state.replay) return;
  const now = performance.now();
  const due = new Set(turning ? [turning, ...wanted] : wanted);
  for (const id of due) {
    const waitMs = id === turning ? TURNING_MS : AGAIN_MS;
    if (asking < MOST_AT_ONCE && now - (known.get(id)?.askedMs ?? -Infinity) >= waitMs) ask(id, now);
  }
}

async function ask(id, askedMs) {
  asking += 1;
  known.set(id, { direction: known.get(id)?.direction ?? null, askedMs });
  const answer = await fetch(`/api/v1/cameras/${encodeURIComponent(id)}/direction`).catch(() => null);
  const direction = answer?.ok ? await answer.json().catch(() => null) : null;
  asking -= 1;
  if (!known.has(id)) return; // nobody wants to know any more
  known.set(id, { direction, askedMs }); // no answer: it is not known any more either
  tell("direction", id);
}
