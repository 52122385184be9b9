// Where cameras that turn look now, as they tell themselves: asked now and then while somebody looks, quickly where one is being turned.
import { state, tell } from "../state.js";

const LOOK_MS = 1_000;
const AGAIN_MS = 6_000;
const TURNING_MS = 1_200;
const ANSWER_MS = 8_000; // what has not come by then is no answer, and holds up no other camera
const GOOD_MS = 15_000; // what was told longer ago is not where it looks now
const MOST_AT_ONCE = 3;

const known = new Map(); // by camera: {direction, askedMs, toldMs}
let wanted = []; // ids of cameras that turn and are drawn
let turning = ""; // id of the one whose pad is open
let asking = 0;

export function startDirections() {
  setInterval(look, LOOK_MS);
}

// What it told last: {heading_deg, tilt_deg, is_zoomed, at, why}, null before anything and when that is too long ago.
export function directionOf(cameraId) {
  const one = known.get(cameraId);
  return state.replay || !one || isOld(one) ? null : one.direction;
}

const isOld = ({ toldMs }) => performance.now() - toldMs > GOOD_MS;

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
  for (const [id, one] of known) {
    if (one.direction && isOld(one)) {
      one.direction = null;
      tell("direction", id);
    }
  }
  const now = performance.now();
  const askedMs = (id) => known.get(id)?.askedMs ?? -AGAIN_MS;
  // Whoever has waited longest comes first: those that do not answer would take every turn of the others.
  const others = wanted.filter((id) => id !== turning).sort((one, other) => askedMs(one) - askedMs(other));
  for (const id of turning ? [turning, ...others] : others) {
    const waitMs = id === turning ? TURNING_MS : AGAIN_MS;
    if (asking < MOST_AT_ONCE && now - askedMs(id) >= waitMs) ask(id, now);
  }
}

async function ask(id, askedMs) {
  asking += 1;
  known.set(id, { direction: null, toldMs: -Infinity, ...known.get(id), askedMs });
  const signal = AbortSignal.timeout(ANSWER_MS);
  const answer = await fetch(`/api/v1/cameras/${encodeURIComponent(id)}/direction`, { signal }).catch(() => null);
  const direction = answer?.ok ? await answer.json().catch(() => null) : null;
  asking -= 1;
  if (!known.has(id)) return; // nobody wants to know any more
  known.set(id, { direction, askedMs, toldMs: performance.now() }); // no answer: it is not known any more either
  tell("direction", id);
}
