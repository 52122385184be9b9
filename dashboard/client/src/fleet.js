// Units as parallel arrays by index: where they are drawn, where they glide to, how old the news of them is.
import { on, state, tell } from "./state.js";

const HEADER = 32;
const RECORD = 20;
const OLDEST = 65_535; // tenths of a second
// A new fix further off than this is not driven to but jumped to (first fix after a silence, a corrected position).
const JUMP_DEG = 0.008;
const LONGEST_GLIDE_MS = 6_000;
const METRES_PER_DEGREE = 111_195;

export const fleet = {
  capacity: 0,
  count: 0, // highest known index + 1
  rows: [], // table row by index, or undefined
  indexById: new Map(),
  shown: null, // Float64Array lon, lat as drawn; NaN: no position
  from: null,
  to: null,
  startMs: null, // performance.now() when the glide began
  endMs: null,
  heading: null, // degrees, NaN unknown
  speed: null, // km/h, NaN unknown
  status: null,
  flags: null,
  heardAt: null, // Unix s, server's clock
  fixAt: null,
  changed: 0, // raised when anything but positions changed
  placed: 0, // raised when a unit got or lost its position
  awaited: false, // after a hello, until the frame that says where everybody is
  topSpeedKmh: 0,
};

function grow(wanted) {
  if (wanted <= fleet.capacity) return;
  const capacity = Math.max(1024, 2 ** Math.ceil(Math.log2(wanted)));
  const keep = (old, Type, width, fill) => {
    const array = new Type(capacity * width).fill(fill);
    if (old) array.set(old);
    return array;
  };
  fleet.shown = keep(fleet.shown, Float64Array, 2, NaN);
  fleet.from = keep(fleet.from, Float64Array, 2, NaN);
  fleet.to = keep(fleet.to, Float64Array, 2, NaN);
  fleet.startMs = keep(fleet.startMs, Float64Array, 1, 0);
  fleet.endMs = keep(fleet.endMs, Float64Array, 1, 0);
  fleet.heading = keep(fleet.heading, Float32Array, 1, NaN);
  fleet.speed = keep(fleet.speed, Float32Array, 1, NaN);
  fleet.status = keep(fleet.status, Uint8Array, 1, 0);
  fleet.flags = keep(fleet.flags, Uint8Array, 1, 0);
  fleet.heardAt = keep(fleet.heardAt, Float64Array, 1, 0);
  fleet.fixAt = keep(fleet.fixAt, Float64Array, 1, 0);
  fleet.capacity = capacity;
}

function takeRows(rows) {
  for (const row of rows) {
    grow(row.index + 1);
    const old = fleet.rows[row.index];
    if (old && old.unit_id !== row.unit_id) fleet.indexById.delete(old.unit_id);
    fleet.rows[row.index] = row;
    fleet.indexById.set(row.unit_id, row.index);
    fleet.count = Math.max(fleet.count, row.index + 1);
    const status = state.config.marks.statuses.findIndex((mark) => mark.id === row.status);
    if (status >= 0) fleet.status[row.index] = status;
  }
  fleet.changed += 1;
}

function forget(index) {
  const row = fleet.rows[index];
  if (row) fleet.indexById.delete(row.unit_id);
  fleet.rows[index] = undefined;
  unplace(index);
}

function unplace(index) {
  fleet.shown[2 * index] = fleet.to[2 * index] = fleet.from[2 * index] = NaN;
  fleet.shown[2 * index + 1] = fleet.to[2 * index + 1] = fleet.from[2 * index + 1] = NaN;
}

export function startFleet() {
  on("hello", (hello) => {
    for (let index = 0; index < fleet.count; index += 1) forget(index);
    fleet.count = 0;
    fleet.placed += 1;
    fleet.awaited = true;
    takeRows(hello.units);
    tell("fleet");
  });
  on("units", (message) => {
    takeRows(message.units);
    for (const index of message.gone || []) if (index < fleet.count) forget(index);
    if (message.gone?.length) fleet.placed += 1;
    tell("fleet");
  });
  on("frame", takeFrame);
}

// An age that a frame has no room for is longer than any: how long is not told.
const ageS = (tenths) => (tenths === OLDEST ? Infinity : tenths / 10);

// The frame is little-endian, as is every machine with a browser: its records are read as whole numbers where they lie.
function takeFrame({ full, count, pictureAt, bytes }) {
  const nowMs = performance.now();
  const { rows, status, flags, heading, speed, heardAt } = fleet;
  const words = new Int32Array(bytes.buffer, HEADER, (count * RECORD) / 4);
  const halves = new Uint16Array(bytes.buffer, HEADER, (count * RECORD) / 2);
  const heard = full ? new Uint8Array(fleet.count) : null;
  const placedBefore = fleet.placed;
  const isFirst = fleet.awaited;
  fleet.awaited = false;
  let statusChanged = false;
  for (let k = 0; k < count; k += 1) {
    const word = (k * RECORD) / 4;
    const byte = HEADER + k * RECORD;
    const index = words[word];
    if (index >= fleet.count || !rows[index]) continue;
    if (heard) heard[index] = 1;
    if (bytes[byte + 14] !== status[index]) statusChanged = true;
    status[index] = bytes[byte + 14];
    flags[index] = bytes[byte + 15];
    heading[index] = bytes[byte + 12] === 255 ? NaN : bytes[byte + 12] * 2;
    speed[index] = bytes[byte + 13] === 255 ? NaN : bytes[byte + 13];
    heardAt[index] = pictureAt - ageS(halves[2 * word + 8]);
    moveTo(index, words[word + 1] / 1e6, words[word + 2] / 1e6, pictureAt - ageS(halves[2 * word + 9]), nowMs);
  }
  if (heard) for (let index = 0; index < fleet.count; index += 1) if (!heard[index] && fleet.to[2 * index] === fleet.to[2 * index]) {
    unplace(index);
    fleet.placed += 1;
  }
  if (statusChanged) fleet.changed += 1;
  // Another status or place is shown at once; what glides is drawn when it has come far enough to be seen.
  const atOnce = isFirst || statusChanged || fleet.placed !== placedBefore;
  if (count || atOnce) tell("moved", atOnce);
}

// The glide to a new fix takes as long as it took the unit to get there, so that it arrives when the next one is due. It begins
// where the unit is by now, which may be further than where it was drawn last.
function moveTo(index, lon, lat, fixAt, nowMs) {
  const { shown, from, to, startMs, endMs } = fleet;
  const x = 2 * index;
  const previousAt = fleet.fixAt[index];
  fleet.fixAt[index] = fixAt;
  if (to[x] === lon && to[x + 1] === lat) return;
  const share = nowMs < endMs[index] ? (nowMs - startMs[index]) / (endMs[index] - startMs[index]) : 1;
  const hereLon = share < 1 ? from[x] + (to[x] - from[x]) * share : to[x];
  const hereLat = share < 1 ? from[x + 1] + (to[x + 1] - from[x + 1]) * share : to[x + 1];
  to[x] = lon;
  to[x + 1] = lat;
  // Far, or without a place so far (NaN).
  if (!(Math.abs(lon - hereLon) + Math.abs(lat - hereLat) <= JUMP_DEG)) {
    shown[x] = from[x] = lon;
    shown[x + 1] = from[x + 1] = lat;
    endMs[index] = nowMs;
    fleet.placed += 1;
    return;
  }
  from[x] = hereLon;
  from[x + 1] = hereLat;
  startMs[index] = nowMs;
  endMs[index] = nowMs + Math.min(LONGEST_GLIDE_MS, Math.max(200, (fixAt - previousAt) * 1000 || 0)); // neither may be told
}

// How long ago the unit was known to be where it is drawn. A tracker that is heard, but has no new position, says nothing of that.
export const placeAgeS = (index, now) => now - Math.min(fleet.fixAt[index], fleet.heardAt[index]);

// Advance every gliding unit to this instant. Returns the speed of the fastest of them in metres a second; 0: nothing moved.
export function glide(nowMs) {
  const { shown, from, to, startMs, endMs } = fleet;
  let fastest = 0;
  for (let index = 0; index < fleet.count; index += 1) {
    const x = 2 * index;
    if (shown[x] === to[x] && shown[x + 1] === to[x + 1]) continue;
    if (!(to[x] === to[x])) continue;
    const length = endMs[index] - startMs[index];
    const step = (Math.abs(to[x] - from[x]) + Math.abs(to[x + 1] - from[x + 1])) / length;
    if (step > fastest) fastest = step;
    const share = length > 0 ? (nowMs - startMs[index]) / length : 1;
    shown[x] = share < 1 ? from[x] + (to[x] - from[x]) * share : to[x];
    shown[x + 1] = share < 1 ? from[x + 1] + (to[x + 1] - from[x + 1]) * share : to[x + 1];
  }
  return fastest * 1000 * METRES_PER_DEGREE;
}
