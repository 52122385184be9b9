// What this page knows, and who wants to hear when it changes. Everything else is asked of the server.
const listeners = new Map();

export const state = {
  config: null,
  scope: null,
  revision: null, // last journal revision applied
  incidents: new Map(), // open ones, and those that ended while this page watched, by id
  selection: null, // {kind: "incident" | "unit" | "element" | "point", …}
  on: new Set(), // elements that are drawn
  counts: {}, // element → {count, newest_at, state}
  health: null,
  connected: false,
  heardAt: 0, // performance.now() of the last frame or text
  heardByClock: 0, // Date.now() of the same: while a laptop sleeps, performance.now() stands still
  clockOffsetS: 0, // server's clock minus this machine's
  replay: null, // of the past that is shown: {at, speed, playing, loop, newestAt, anchorMs, wanted, isAhead}; `at` was so at performance.now() anchorMs
  undrawn: false, // something could not be drawn on the map
  lettered: false, // the fonts that names on the map are written with are there
  picking: false, // or what the next click on the map sets: the id of a form's point, or a function of {lon, lat}
  touchedAt: 0, // performance.now() of the last time a person moved the map
};

export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, []);
  listeners.get(topic).push(listener);
}

export function tell(topic, value) {
  for (const listener of listeners.get(topic) || []) listener(value);
}

// The server's clock as well as it is known, Unix seconds.
export const presentNow = () => Date.now() / 1000 + state.clockOffsetS;

// How long nothing has been heard of the server.
export const silentMs = () => Math.max(performance.now() - state.heardAt, state.heardAt ? Date.now() - state.heardByClock : 0);

// What time it is on this page: that of the moment it shows.
export function serverNow() {
  if (state.replay === null) return presentNow();
  const { at, speed, playing, anchorMs } = state.replay;
  return playing ? at + ((performance.now() - anchorMs) / 1000) * speed : at;
}

export const isoOf = (unixS) => new Date(unixS * 1000).toISOString();

// The address of what was so at the moment that is shown.
export function asOf(address) {
  return state.replay === null ? address : `${address}${address.includes("?") ? "&" : "?"}at=${isoOf(serverNow())}`;
}

export function setProps(id, props) {
  window.dash_clientside.set_props(id, props);
}

// By what identifies it: an answer of the server may name the fields in another order.
export function sameSelection(one, other) {
  if (!one || !other) return one === other;
  return one.kind === other.kind && ["incident_id", "unit_id", "element", "id", "lon", "lat"].every((field) => one[field] === other[field]);
}

export function select(selection) {
  if (sameSelection(selection, state.selection)) return;
  state.selection = selection;
  tell("selection", selection);
}
