// Duty circles (快反圈) at the desk: the list, the sheet of one with the drill of who is really there, and the way into the editor.
import { basemap } from "./basemap.js";
import { KEPT_CREW, LAYER, chosenCircle, circles, corners, isShown, redrawCircles } from "./circle_state.js";
import { edit, editorClick, editorKey, editorView, startEditor } from "./circle_editor.js";
import { organisationName } from "./presence.js";
import { asOf, on, select, state, tell } from "./state.js";
import { h, mend } from "./terminal/dom.js";
import { isWall } from "./wall.js";
import { age, clockText, count, dateText, duration, t } from "./words.js";

const DRILL_EVERY_MS = 5_000;
const FIRST_SHOWN = 5; // further crews of a tier; the rest is counted

let withdrawing = null; // {text} while the reason is asked for
let refusal = "";

const panel = () => document.getElementById("circles");
export const isCirclesOpen = () => panel()?.classList.contains("open") ?? false;

export function startDutyCircles(asked) {
  if (!state.config.circles.sees || isWall()) return;
  circles.keyPlaces = new Map(); // id → {id, name, lon, lat} about the open circle
  circles.cameraNames = new Map();
  if (!asked) state.on.add(LAYER);
  startEditor(draw, async () => {
    await load();
    draw();
  });
  document.getElementById("circles-open").addEventListener("click", () => show(!isCirclesOpen()));
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-circle]");
    if (link) open(link.dataset.circle);
  });
  on("selection", (selection) => selection && !circles.draft && show(false));
  on("switches", redrawCircles);
  on("camera", () => circles.draft && fetchAround());
  for (const topic of ["hello", "duty-circles"]) on(topic, () => !circles.draft && load());
  load();
  setInterval(() => !document.hidden && isCirclesOpen() && circles.chosen && !circles.draft && drill(), DRILL_EVERY_MS);
}

function show(isOpen) {
  if (circles.draft) return; // saved or left first
  panel().classList.toggle("open", isOpen);
  document.getElementById("circles-open").setAttribute("aria-pressed", String(isOpen));
  if (isOpen) {
    select(null);
    load();
  } else choose(null);
  draw();
}

// Answers whether the click on the map was for a circle.
export function circleClick(info) {
  if (circles.draft) {
    editorClick(...(info.coordinate ?? []));
    return true;
  }
  if (info.layer?.id !== "circle-names") return false;
  open(info.object.circle_id);
  return true;
}

// Answers whether the key was for a circle.
export function circleKey(key) {
  if (editorKey(key)) return true;
  if (key !== "Escape" || !isCirclesOpen()) return false;
  if (circles.chosen) choose(null);
  else show(false);
  draw();
  return true;
}

function open(id) {
  if (circles.draft) return;
  if (!isCirclesOpen()) show(true);
  choose(id);
  focus();
  draw();
}

function choose(id) {
  Object.assign(circles, { chosen: id, drill: null });
  [withdrawing, refusal] = [null, ""];
  redrawCircles();
  if (!id) return;
  fetchAround();
  drill();
}

function focus() {
  const circle = chosenCircle();
  if (!circle) return;
  const points = corners(circle.tiers.at(-1).area.coordinates);
  const [lons, lats] = [points.map((point) => point[0]), points.map((point) => point[1])];
  const catalogue = document.getElementById("catalogue").offsetWidth; // lies over the map as the panel does
  const box = [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]];
  basemap.map.fitBounds(box, { padding: { left: 30 + catalogue, top: 30, bottom: 60, right: 30 + panel().offsetWidth }, maxZoom: 15.5, duration: 500 });
}

// ---- the server ---------------------------------------------------------------------------------------------------------
async function load() {
  const answer = await fetch(asOf("/api/v1/duty-circles")).catch(() => null);
  if (!answer?.ok) return; // what is drawn is as it was; the next hello asks again
  circles.all = (await answer.json()).features.map((feature) => feature.properties);
  if (circles.chosen && !chosenCircle()) choose(null);
  redrawCircles();
  if (!circles.draft && isCirclesOpen()) draw();
}

async function drill() {
  const id = circles.chosen;
  if (state.replay) return; // who is there is told of the present only
  const answer = await fetch(`/api/v1/duty-circles/${encodeURIComponent(id)}/drill`).catch(() => null);
  if (id !== circles.chosen) return;
  refusal = answer?.ok ? "" : t("Who is there can't be told now: the server can't be reached. It is asked again.");
  if (answer?.ok) circles.drill = await answer.json();
  redrawCircles();
  if (!circles.draft && !withdrawing) draw();
}

// Cameras and key places about what the map shows: their names, and what a click on the map is nearest to.
async function fetchAround() {
  const bounds = basemap.map.getBounds();
  const bbox = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()].map((value) => value.toFixed(5)).join(",");
  const [cameras, places] = await Promise.all(["street_camera", "key_place"].map((id) => fetch(`/api/v1/elements/${id}?bbox=${bbox}&limit=3000`).then((answer) => (answer.ok ? answer.json() : { features: [] })).catch(() => ({ features: [] }))));
  for (const { geometry, properties } of cameras.features) {
    circles.cameraAt.set(properties.element_id, geometry.coordinates);
    circles.cameraNames.set(properties.element_id, properties.name ?? "");
  }
  for (const { geometry, properties } of places.features)
    circles.keyPlaces.set(properties.element_id, { id: properties.element_id, name: properties.name ?? "", lon: geometry.coordinates[0], lat: geometry.coordinates[1] });
  redrawCircles();
  draw();
}

async function withdraw(circle) {
  const query = new URLSearchParams({ text: withdrawing.text, expected_version: circle.version });
  const answer = await fetch(`/api/v1/duty-circles/${encodeURIComponent(circle.circle_id)}?${query}`, { method: "DELETE" }).catch(() => null);
  if (answer?.ok) {
    choose(null);
    await load();
  } else refusal = answer ? ((await answer.json().catch(() => ({}))).detail ?? "") : t("The server can't be reached. Try again.");
  draw();
}

// ---- the panel ----------------------------------------------------------------------------------------------------------
const button = (label, act, attributes = {}) => h("button", { type: "button", onclick: act, ...attributes }, label);

function draw() {
  const chosen = chosenCircle();
  const shown = circles.draft ? [heading(circles.draft.expected_version ? t("Change the duty circle") : t("New duty circle")), ...editorView()] : chosen ? sheet(chosen) : list();
  mend(document.getElementById("circles-body"), shown.filter(Boolean));
}

const heading = (text, back = null) => h("header", { class: "circle-head", key: "head" }, back, h("h2", {}, text));

function list() {
  return [
    heading(t("Duty circles")),
    h("p", { class: "muted padded", key: "what" }, t("Prepared areas of important places: who has to be there, and who is. Neither a distance nor a ring by road.")),
    h("div", { class: "circle-buttons padded", key: "tools" },
      button(isShown() ? t("Hide on the map") : t("Show on the map"), toggleLayer, { "aria-pressed": String(isShown()) }),
      state.config.circles.sets && button(t("New duty circle"), () => { edit(null); fetchAround(); }, { class: "primary" }),
    ),
    h("div", { class: "circle-list", key: "list" },
      circles.all.map((circle) => button([h("i", { class: "circle-sign" }), h("span", { class: "name" }, circle.name), h("span", { class: "muted" }, organisationName(circle.org_code)), h("span", { class: "minutes" }, circle.tiers.map((tier) => `${tier.minutes}′`).join(" · "))], () => open(circle.circle_id), { key: circle.circle_id, class: "circle-entry", "data-id": circle.circle_id })),
      !circles.all.length && h("p", { class: "empty padded", key: "none" }, state.config.circles.sets ? t("No duty circle is prepared yet. Make the first one.") : t("No duty circle is prepared in your scope. A commander makes one.")),
    ),
  ];
}

function toggleLayer() {
  if (isShown()) state.on.delete(LAYER);
  else state.on.add(LAYER);
  tell("switches");
  draw();
}

function sheet(circle) {
  const found = circles.drill?.circle_id === circle.circle_id ? circles.drill : null;
  const at = Date.parse(circle.set_at) / 1000;
  const version = t("version {n}", { n: circle.version });
  return [
    heading(circle.name, button("‹", () => { choose(null); draw(); }, { class: "quiet", title: t("All duty circles") })),
    h("p", { class: "muted padded", key: "who" }, `${organisationName(circle.org_code)} · ${version} · ${dateText(at)} ${clockText(at).slice(0, 5)} · ${circle.set_by}`),
    h("div", { class: "circle-buttons padded", key: "tools" },
      button(t("Who is there now"), drill, { title: t("Asked again every five seconds while this is open") }),
      h("a", { class: "button", href: `/circle/${encodeURIComponent(circle.circle_id)}?lang=${state.config.lang}`, target: "_blank", rel: "noopener" }, t("Print")),
      state.config.watches && state.config.pushesView && camerasOf(circle).length > 0 && button(t("Round on the video wall"), () => tell("round-to-wall", { name: circle.name, cameras: camerasOf(circle) }), { "data-do": "round" }),
      circle.may_change && button(t("Change"), () => { edit(circle); fetchAround(); }, { "data-do": "change" }),
      circle.may_change && button(t("Withdraw"), () => { withdrawing = { text: "" }; draw(); }),
    ),
    withdrawing && withdrawal(circle),
    refusal && h("p", { class: "error padded", role: "alert", key: "refusal" }, refusal),
    found && summary(found),
    ...circle.tiers.map((tier, k) => tierSheet(tier, found?.tiers[k], k)),
    h("p", { class: "muted padded", key: "only" }, t("Counted are crews you may see, free to go, with a position of the last two minutes: inside the area, or by road within the minutes, turnout left aside.")),
  ];
}

// Of all its tiers, each once.
const camerasOf = (circle) => [...new Set(circle.tiers.flatMap((tier) => tier.cameras))].map((id) => ({ id, name: circles.cameraNames.get(id) ?? "", name_en: "" }));

function withdrawal(circle) {
  return h("div", { class: "circle-withdraw padded", key: "withdraw" },
    h("label", { class: "field" }, h("span", {}, t("Why is it withdrawn?")), h("input", { maxlength: 200, first: (node) => setTimeout(() => node.focus()), oninput: (event) => { withdrawing.text = event.target.value; } })),
    h("div", { class: "dialog-end" }, button(t("Cancel"), () => { withdrawing = null; draw(); }), button(t("Withdraw"), () => withdraw(circle), { class: "primary" })),
  );
}

function summary(found) {
  const full = found.missing === 0 && found.gates_unmanned === 0;
  return h("div", { class: `circle-summary ${full ? "full" : "short"}`, key: "summary" },
    h("b", {}, full ? t("✓ complete") : t("△ not complete")),
    h("span", {}, t("{there} of {n} crews", { there: count(found.expected - found.missing), n: count(found.expected) })),
    h("span", {}, t("{there} of {n} gates manned", { there: count(found.gates - found.gates_unmanned), n: count(found.gates) })),
    h("span", { class: "muted" }, clockText(Date.parse(found.at) / 1000)),
  );
}

function tierSheet(tier, found, k) {
  const cameras = tier.cameras.map((id) => circles.cameraNames.get(id) || id);
  const eyes = t("Cameras");
  return h("section", { class: "section circle-tier", key: `tier ${k}` },
    h("h3", {}, h("span", {}, h("i", { class: `circle-dash tier-${k}` }), t("{n} min", { n: tier.minutes })), found && h("span", { class: "note-right" }, insideText(found))),
    tier.forces.map((force, f) => forceLine(force, found?.forces[f], f)),
    !tier.forces.length && h("p", { class: "empty" }, t("No forces are named.")),
    tier.gates.map((gate, g) => gateLine(gate, found?.gates[g], g)),
    found?.further.length > 0 && further(found.further),
    cameras.length > 0 && h("p", { class: "muted" }, `${eyes}: ${cameras.join("、")}`),
    tier.notes && h("p", {}, tier.notes),
  );
}

// An old position says who was there, not who is.
function insideText({ inside, inside_old: old }) {
  const now = t("{n} inside", { n: inside - old });
  return old ? [now, t("{n} were when last heard of", { n: old })].join(t(", ")) : now;
}

function further(rows) {
  const rest = rows.length - FIRST_SHOWN;
  return h("div", { class: "circle-force", key: "further" },
    h("div", { class: "line" }, t("Also inside, not counted")),
    crews(rows.slice(0, FIRST_SHOWN)),
    rest > 0 && h("p", { class: "muted" }, t("and {n} more", { n: count(rest) })),
  );
}

function forceLine(force, found, f) {
  const missing = found?.missing ?? null;
  return h("div", { class: "circle-force", key: `force ${f}` },
    h("div", { class: "line" },
      h("b", {}, `${force.count} × ${state.config.kinds[force.kind]}`),
      h("span", {}, organisationName(force.org_code)),
      missing !== null && h("span", { class: missing ? "missing" : "there" }, missing ? t("△ {n} missing", { n: missing }) : t("✓ all there")),
    ),
    force.text && h("div", { class: "muted" }, force.text),
    found && crews(found.crews),
  );
}

function crews(rows) {
  const why = (row) => (row.why_not === "old_position" ? t("position {age} old", { age: age(row.fix_age_s) }) : row.why_not ? state.config.statuses[row.why_not] : "");
  const where = (row) => (row.inside ? (row.why_not === "old_position" ? t("was inside") : t("inside")) : t("coming, {eta} by road", { eta: duration(row.eta_s) }));
  return h("ul", { class: "circle-crews" }, rows.map((row) => h("li", { key: row.unit_id },
    button(row.callsign, () => select({ kind: "unit", unit_id: row.unit_id }), { class: "quiet" }),
    h("span", {}, where(row)),
    h("span", { class: "muted" }, [why(row), t("seen {age} ago", { age: age(row.fix_age_s) })].filter(Boolean).join(" · ")),
  )));
}

function gateLine(gate, found, g) {
  const says = { manned: t("✓ {name}", { name: found?.by }), other: t("△ another crew: {name}", { name: found?.by }), unmanned: t("△ unmanned"), unknown: t("not shown to you") };
  const wanted = gate.unit_id === KEPT_CREW ? t("a crew in plain clothes") : gate.unit_id ? callsign(gate.unit_id) : t("any crew of the tier");
  return h("div", { class: "circle-gate", key: `gate ${g}` },
    h("i", { class: `gate-sign ${found?.state ?? ""}` }), h("b", {}, gate.name), h("span", { class: "muted" }, wanted),
    found && h("span", { class: { manned: "there", unknown: "muted" }[found.state] ?? "missing" }, says[found.state]));
}

let callsignOf = () => null;
export function nameCrewsBy(lookup) {
  callsignOf = lookup;
}
const callsign = (unitId) => callsignOf(unitId) || unitId;
