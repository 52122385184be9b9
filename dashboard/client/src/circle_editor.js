// The form of a duty circle that is set or changed, beside its drawing on the map. Everything is checked by the server when it is saved.
import { basemap } from "./basemap.js";
import { crewMeant, crewsOffered } from "./circle_crews.js";
import { KEPT_CREW, circles, corners, drawnTier, redrawCircles } from "./circle_state.js";
import { addCorner, finishLine, removeCorner, startDrawing } from "./circle_drawing.js";
import { fleet } from "./fleet.js";
import { on, state } from "./state.js";
import { h } from "./terminal/dom.js";
import { t } from "./words.js";

const CAMERA_REACH_PX = 26;
const FIRST_MINUTES = [1, 3, 5];

let draw = () => {}; // the panel anew
let leave = () => {}; // back to the list, or to the circle as it is
let changedSince = false;
let asked = false; // whether it was said that leaving loses what was changed
let errors = []; // [{field, detail}] of the last attempt to save
let busy = false;

export function startEditor(redrawPanel, onLeave) {
  draw = redrawPanel;
  leave = onLeave;
  startDrawing(() => touched());
  on("selection", () => circles.draft && draw());
}

// The draft of a new circle, or of one that is there.
export function edit(circle) {
  const tiers = circle
    ? circle.tiers.map((tier) => ({ ...structuredClone(tier), area: structuredClone(tier.area.coordinates) }))
    : FIRST_MINUTES.map((minutes) => ({ minutes, area: [], forces: [], gates: [], cameras: [], notes: "" }));
  for (const tier of tiers) for (const gate of tier.gates) gate.crew = fleet.rows[fleet.indexById.get(gate.unit_id)]?.callsign ?? gate.unit_id;
  circles.draft = {
    circle_id: circle?.circle_id ?? crypto.getRandomValues(new Uint32Array(3)).join("-"),
    name: circle?.name ?? "",
    org_code: circle?.org_code ?? state.scope?.org_code ?? state.config.own[0],
    lon: circle?.lon ?? null,
    lat: circle?.lat ?? null,
    key_place: circle?.key_place ?? "",
    tiers,
    at: 0,
    expected_version: circle?.version ?? 0,
  };
  Object.assign(circles, { mode: circle ? null : "place", line: [], active: null });
  [changedSince, asked, errors] = [false, false, []];
  hint();
  redrawCircles();
  draw();
}

function touched() {
  changedSince = true;
  asked = false;
  draw();
}

function setMode(mode, gate = -1) {
  Object.assign(circles, { mode: circles.mode === mode && circles.gate === gate ? null : mode, gate, line: [], active: null });
  hint();
  redrawCircles();
  draw();
}

function hint() {
  const says = { place: t("Click the place itself on the map; Esc to leave it"), gate: t("Click where the gate is; Esc to leave it"), camera: t("Click the cameras that belong to it; Esc when done"), draw: t("Click corner by corner; Enter or the first corner closes the area") };
  const line = document.getElementById("circle-hint");
  line.textContent = says[circles.mode] ?? "";
  line.hidden = !circles.draft || !circles.mode;
  document.documentElement.classList.toggle("circle-drawing", Boolean(circles.draft));
}

// ---- the map ------------------------------------------------------------------------------------------------------------
// A click on the map while a circle is edited selects nothing else.
export function editorClick(lon, lat) {
  if (lon === undefined) return;
  const { draft, mode } = circles;
  if (mode === "place") {
    Object.assign(draft, { lon, lat, key_place: "" });
    const near = keyPlaceNear(lon, lat);
    if (near) Object.assign(draft, { lon: near.lon, lat: near.lat, key_place: near.id, name: draft.name || near.name });
    circles.mode = null;
  } else if (mode === "gate") {
    Object.assign(drawnTier().gates[circles.gate], { lon, lat });
    circles.mode = null;
  } else if (mode === "camera") toggleCamera(lon, lat);
  else if (mode === "draw") return addCorner(lon, lat);
  else return;
  hint();
  redrawCircles();
  touched();
}

function keyPlaceNear(lon, lat) {
  return nearestOf([...circles.keyPlaces.values()], lon, lat);
}

function nearestOf(things, lon, lat) {
  const at = basemap.map.project([lon, lat]);
  const away = (thing) => {
    const there = basemap.map.project([thing.lon, thing.lat]);
    return Math.hypot(there.x - at.x, there.y - at.y);
  };
  return things.filter((thing) => away(thing) < CAMERA_REACH_PX).sort((a, b) => away(a) - away(b))[0];
}

function toggleCamera(lon, lat) {
  const found = nearestOf([...circles.cameraAt].map(([id, point]) => ({ id, lon: point[0], lat: point[1] })), lon, lat);
  if (!found) return;
  const { cameras } = drawnTier();
  const k = cameras.indexOf(found.id);
  if (k < 0) cameras.push(found.id);
  else cameras.splice(k, 1);
}

// Answers whether the key was the editor's.
export function editorKey(key) {
  if (!circles.draft) return false;
  if (key === "Escape") {
    if (circles.mode) setMode(circles.mode, circles.gate);
    else if (!changedSince || asked) stop();
    else {
      asked = true;
      draw();
    }
    return true;
  }
  if (key === "Enter" && circles.mode === "draw") finishLine();
  else if ((key === "Delete" || key === "Backspace") && circles.active) removeCorner(circles.active);
  else return false;
  hint();
  return true;
}

function stop() {
  Object.assign(circles, { draft: null, mode: null, line: [], active: null });
  hint();
  redrawCircles();
  leave();
}

// ---- the server ---------------------------------------------------------------------------------------------------------
async function byRoad(all) {
  const { draft } = circles;
  const wanted = all ? draft.tiers : [drawnTier()];
  const minutes = wanted.map((tier) => tier.minutes).join(",");
  const answer = await ask(`/api/v1/duty-circle-draft?lon=${draft.lon}&lat=${draft.lat}&minutes=${minutes}`);
  if (!answer) return;
  for (const tier of answer.tiers) {
    const target = wanted.find((one) => Number(one.minutes) === tier.minutes);
    if (target) target.area = tier.area.coordinates;
  }
  redrawCircles();
  touched();
}

async function save() {
  const { draft } = circles;
  errors = draft.tiers.flatMap((tier, k) => unclearCrews(tier, k));
  if (errors.length) {
    draw();
    return;
  }
  const tiers = draft.tiers.map(({ minutes, area, forces, gates, cameras, notes }) => ({
    minutes: Number(minutes),
    area: { type: "MultiPolygon", coordinates: area },
    forces: forces.map((force) => ({ ...force, count: Number(force.count) })),
    gates: gates.map((gate) => ({ name: gate.name, lon: gate.lon, lat: gate.lat, unit_id: crewMeant(gate, fleet.rows).unit_id, text: gate.text })),
    cameras,
    notes,
  }));
  const { name, org_code, lon, lat, key_place, expected_version } = draft;
  const saved = await ask(`/api/v1/duty-circles/${encodeURIComponent(draft.circle_id)}`, "PUT", { name, org_code, lon, lat, key_place, tiers, expected_version });
  if (!saved) return;
  circles.chosen = saved.circle_id;
  stop();
}

function unclearCrews({ gates }, k) {
  const meant = gates.map((gate) => crewMeant(gate, fleet.rows).twice);
  return meant.flatMap((twice, g) => (twice ? [{ field: `tiers[${k}].gates[${g}]`, detail: t("{name} is the callsign of {n} crews; choose one by its id", { name: gates[g].crew, n: twice }) }] : []));
}

// The answer, or null when it was refused; what was wrong stands in the form then.
async function ask(url, method = "GET", body = undefined) {
  if (busy) return null;
  busy = true;
  draw();
  const answer = await fetch(url, { method, headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body) }).catch(() => null);
  const said = answer ? await answer.json().catch(() => ({})) : {};
  busy = false;
  errors = answer?.ok ? [] : said.errors?.length ? said.errors : [{ field: "", detail: said.detail || t("The server can't be reached. Try again.") }];
  draw();
  return answer?.ok ? said : null;
}

// ---- the form -----------------------------------------------------------------------------------------------------------
const typed = (target, field, attributes = {}) =>
  h("input", { ...attributes, first: (node) => { node.value = target[field] ?? ""; }, oninput: (event) => { target[field] = event.target.value; changedSince = true; } });

function select(target, field, options, attributes = {}) {
  const choose = (event) => {
    target[field] = event.target.value;
    touched();
  };
  return h("select", { ...attributes, onchange: choose }, options.map(([value, label]) => h("option", { key: value, value, selected: value === target[field] }, label)));
}

const button = (label, act, attributes = {}) => h("button", { type: "button", onclick: act, ...attributes }, label);
const field = (label, ...control) => h("label", { class: "field" }, h("span", {}, label), ...control);

export function editorView() {
  const { draft } = circles;
  const place = draft.lon === null ? t("no place yet") : draft.key_place ? t("key place {name}", { name: circles.keyPlaces.get(draft.key_place)?.name || draft.key_place }) : `${draft.lon.toFixed(5)}, ${draft.lat.toFixed(5)}`;
  return [
    h("div", { class: "circle-form", key: draft.circle_id },
      field(t("Name"), typed(draft, "name", { maxlength: 200 })),
      field(t("Responsible"), select(draft, "org_code", organisations(state.config.own))),
      h("div", { class: "circle-place" }, h("span", {}, place), button(t("Choose the place on the map"), () => setMode("place"), { "aria-pressed": String(circles.mode === "place") })),
      h("div", { class: "circle-tabs", role: "tablist" },
        draft.tiers.map((tier, k) => button(t("{n} min", { n: tier.minutes }), () => { Object.assign(circles.draft, { at: k }); circles.active = null; redrawCircles(); draw(); }, { role: "tab", "aria-selected": String(k === draft.at) })),
        draft.tiers.length < 5 && button("+", addTier, { title: t("One more tier") }),
      ),
      tierView(drawnTier(), draft.at),
      errors.length > 0 && h("ul", { class: "error", role: "alert" }, errors.map((one) => h("li", {}, one.field ? `${fieldName(one.field)}: ${one.detail}` : one.detail))),
      asked && h("p", { class: "error", role: "alert" }, t("What was changed is not saved. Esc again leaves it.")),
      h("div", { class: "dialog-end" }, button(t("Cancel"), () => (changedSince && !asked ? editorKey("Escape") : stop())), button(busy ? t("Working…") : t("Save"), save, { class: "primary", disabled: busy })),
    ),
  ];
}

// "tiers[1].area.coordinates[0]" as people say it.
function fieldName(name) {
  const whole = { name: t("Name"), org_code: t("Responsible"), lon: t("Place"), lat: t("Place"), key_place: t("Place") };
  const found = /^(?:body\.)?tiers[.[](\d+)\]?\.?([a-z]*)(?:[.[](\d+))?/.exec(name);
  if (!found) return whole[name.replace(/^body\./, "")] ?? name;
  const [, k, part, row] = found;
  const parts = { minutes: t("Minutes"), area: t("Area"), forces: t("Forces"), gates: t("Gates"), cameras: t("Cameras"), notes: t("Notes") };
  const tier = t("{n} min", { n: circles.draft.tiers[Number(k)]?.minutes ?? "?" });
  return [tier, parts[part] ?? part, row !== undefined && part !== "area" ? Number(row) + 1 : ""].filter(Boolean).join(" ");
}

function organisations(codes) {
  return codes.map((code) => [code, state.config.organisations[code] || code]);
}

function addTier() {
  const { draft } = circles;
  const minutes = Math.min(30, Number(draft.tiers.at(-1).minutes) + 2);
  draft.tiers.push({ minutes, area: [], forces: [], gates: [], cameras: [], notes: "" });
  draft.at = draft.tiers.length - 1;
  redrawCircles();
  touched();
}

function removeTier() {
  const { draft } = circles;
  draft.tiers.splice(draft.at, 1);
  draft.at = Math.max(0, draft.at - 1);
  redrawCircles();
  touched();
}

function tierView(tier, at) {
  const { draft } = circles;
  const points = corners(tier.area).length;
  return h("div", { class: "circle-tier", key: rowKey(tier) },
    h("div", { class: "circle-row" },
      field(t("Minutes"), typed(tier, "minutes", { type: "number", min: 0.5, max: 30, step: 0.5, key: `minutes ${at}` })),
      h("span", { class: "muted" }, points ? t("{n} corners", { n: points }) : t("no area yet")),
      draft.tiers.length > 1 && button(t("Remove tier"), removeTier, { class: "quiet" }),
    ),
    h("div", { class: "circle-buttons" },
      button(t("Start from the ring by road"), () => byRoad(false), { disabled: draft.lon === null || busy, title: draft.lon === null ? t("Choose the place first") : "" }),
      button(t("All tiers by road"), () => byRoad(true), { disabled: draft.lon === null || busy }),
      button(t("Draw an area"), () => setMode("draw"), { "aria-pressed": String(circles.mode === "draw") }),
      button(t("Clear area"), () => { tier.area = []; circles.active = null; redrawCircles(); touched(); }, { disabled: !points, class: "quiet" }),
    ),
    h("p", { class: "muted" }, t("Drag a corner; drag the middle of a side for a new one; right click or Delete takes one out.")),
    forcesView(tier),
    gatesView(tier),
    h("h4", {}, t("Cameras")),
    h("div", { class: "circle-buttons" },
      tier.cameras.map((id) => button(`${circles.cameraNames.get(id) || id} ×`, () => { tier.cameras.splice(tier.cameras.indexOf(id), 1); redrawCircles(); touched(); }, { key: `camera ${id}`, class: "chip" })),
      button(t("Choose on the map"), () => setMode("camera"), { key: "choose", "aria-pressed": String(circles.mode === "camera") }),
    ),
    field(t("Notes"), h("textarea", { rows: 2, key: `notes ${at}`, maxlength: 4000, first: (node) => { node.value = tier.notes; }, oninput: (event) => { tier.notes = event.target.value; changedSince = true; } })),
  );
}

function forcesView(tier) {
  const kinds = Object.entries(state.config.kinds);
  const everybody = organisations(Object.keys(state.config.organisations));
  const add = () => {
    tier.forces.push({ org_code: circles.draft.org_code, kind: kinds[0][0], count: 1, text: "" });
    touched();
  };
  return h("div", {},
    h("h4", {}, t("Forces")),
    tier.forces.map((force, k) => h("div", { class: "circle-row force", key: rowKey(force) },
      typed(force, "count", { type: "number", min: 1, max: 99, "aria-label": t("How many") }),
      select(force, "kind", kinds, { "aria-label": t("Kind") }),
      select(force, "org_code", everybody, { "aria-label": t("Of") }),
      typed(force, "text", { placeholder: t("in words"), maxlength: 200, "aria-label": t("in words") }),
      remove(tier.forces, k),
    )),
    button(t("Add a force"), add, { class: "quiet" }),
  );
}

function gatesView(tier) {
  const add = () => {
    tier.gates.push({ name: "", lon: null, lat: null, crew: "", text: "" });
    touched();
    setMode("gate", tier.gates.length - 1);
  };
  return h("div", {},
    h("h4", {}, t("Gates")),
    tier.gates.map((gate, k) => h("div", { class: "circle-row gate", key: rowKey(gate) },
      typed(gate, "name", { placeholder: t("Name of the gate"), maxlength: 200, "aria-label": t("Name of the gate") }),
      gate.crew === KEPT_CREW ? h("span", { class: "muted" }, t("a crew in plain clothes")) : typed(gate, "crew", { placeholder: t("Crew that closes it"), list: "circle-crews", "aria-label": t("Crew that closes it") }),
      button(gate.lon === null ? t("Place it") : t("Move it"), () => setMode("gate", k), { "aria-pressed": String(circles.mode === "gate" && circles.gate === k) }),
      remove(tier.gates, k),
    )),
    h("datalist", { id: "circle-crews" }, crewsOffered(fleet.rows).map(({ value, label }) => h("option", { key: value, value }, label))),
    button(t("Add a gate"), add, { class: "quiet" }),
  );
}

// Rows keep their inputs when one above them goes: each has a key for as long as it lives.
const keys = new WeakMap();
let rows = 0;
function rowKey(row) {
  if (!keys.has(row)) keys.set(row, `row ${(rows += 1)}`);
  return keys.get(row);
}

function remove(list, k) {
  return button("×", () => { list.splice(k, 1); redrawCircles(); touched(); }, { class: "quiet", title: t("Take out") });
}
