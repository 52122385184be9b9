// What if 假设: units are dragged, crews added, streets closed, and the coverage that would be follows the mouse. All of it is this
// page's own supposition, asked of the server as a question; nothing is moved or sent.
import { basemap, moveCamera } from "./basemap.js";
import { fleet } from "./fleet.js";
import { supposeGaps } from "./gaps.js";
import { openCoverage } from "./coverage.js";
import { button, node } from "./nodes.js";
import { drawBy, unitAt } from "./overlay.js";
import { endPursuit, isPursuing } from "./pursuit.js";
import { on, select, state, tell } from "./state.js";
import { supposedLayers } from "./supposed.js";
import { clockText, count, countdown, t } from "./words.js";

const LEAST_MS = 100; // between two questions
const GAP_MINUTES = 3;
const GAPS_EVERY_MS = 1_000; // while the mouse moves: gaps of a whole city take longer than its shares
const AGAIN_MS = 5_000; // units move on: what is supposed of them is asked anew
const NO_GAPS = { type: "FeatureCollection", features: [] };
const PICK_RADIUS_PX = 8;
const UNITS = 20;
const LONG_WAIT_S = 6; // one question alone is answered within five
const AVAILABLE = "available";

const el = (id) => document.getElementById(id);
// `moves`: unit_id → {lon, lat}; `posts`, `closed`: [{lon, lat}]; `last`: what was dragged last, where the rings begin. `told`: the
// answer, `against`: the live picture it is compared with; `turn`: how often it was supposed otherwise, `advising`: asked at that turn.
let what = null;
let live = null; // coverage as it is
let askedAt = -Infinity;
let gapsAskedAt = -Infinity;
let dragging = false;
let waiting = 0;
let underWay = false;
let again = false;
let ticking = 0; // while advice is waited for, so that the wait is seen

export const isSupposing = () => what !== null;

export function startWhatIf() {
  on("coverage", (message) => {
    live = message;
    if (what && !dragging && !document.hidden && performance.now() - askedAt >= AGAIN_MS) ask();
  });
  on("zoom", () => what && draw());
  on("connection", (isConnected) => !isConnected && forget());
  on("replay-mode", () => what && leaveWhatIf()); // it is about the present
  const units = Object.assign(document.createElement("input"), { type: "number", min: 1, max: 100, value: UNITS });
  el("what-if-units").append(units);
  el("what-if-open").addEventListener("click", enter);
  el("what-if-close").addEventListener("click", leaveWhatIf);
  el("what-if-afresh").addEventListener("click", () => suppose({ moves: new Map(), posts: [], closed: [], last: null }));
  el("what-if-crew").addEventListener("click", () => tell("picking", (place) => what && suppose({ posts: [...what.posts, place], last: place })));
  el("what-if-street").addEventListener("click", () => tell("picking", (place) => what && suppose({ closed: [...what.closed, place] })));
  el("what-if-advise").addEventListener("click", () => advise(Number(units.value)));
  // Before the map takes the press for a move of its own.
  el("map-panel").addEventListener("mousedown", grab, true);
}

export const toggleWhatIf = () => (what ? leaveWhatIf() : enter());

function enter() {
  if (what || state.replay) return;
  openCoverage(false);
  if (isPursuing()) endPursuit();
  select(null);
  what = { moves: new Map(), posts: [], closed: [], last: null, advice: null, advising: null, told: null, against: null, turn: 0, why: "" };
  show(true);
  ask();
}

export function leaveWhatIf() {
  what = null;
  document.documentElement.classList.remove("has-supposed-rings");
  tell("picking", false);
  supposeGaps(null);
  drawBy("what-if", null);
  show(false);
}

// Of units that are no longer heard of nothing is known: figures and advice of before would be taken for those of now.
function forget() {
  live = null;
  if (!what) return;
  Object.assign(what, { told: null, against: null, advice: null, advising: null, turn: what.turn + 1, why: t("The server can't be reached.") });
  supposeGaps(NO_GAPS);
  draw();
}

function show(open) {
  document.documentElement.classList.toggle("supposing", open);
  for (const id of ["what-if", "what-if-banner"]) el(id).hidden = !open;
}

// Advice was about what was supposed before.
function suppose(fields) {
  Object.assign(what, fields, { advice: null, advising: null, turn: what.turn + 1 });
  ask();
}

// ---- dragging ----------------------------------------------------------------------------------------------------------
function grab(event) {
  if (!what || state.picking || event.button !== 0 || event.target.tagName !== "CANVAS") return;
  const box = basemap.map.getCanvas().getBoundingClientRect();
  const at = (move) => [move.clientX - box.left, move.clientY - box.top];
  const [x, y] = at(event);
  const thing = thingAt(x, y);
  if (!thing) return;
  event.stopPropagation();
  event.preventDefault();
  const drag = (move) => {
    const { lng: lon, lat } = basemap.map.unproject(at(move));
    if (what) put(thing, { lon, lat });
  };
  dragging = true;
  const drop = () => {
    dragging = false;
    if (what) ask(); // now with the gaps
    removeEventListener("mousemove", drag);
    removeEventListener("mouseup", drop);
  };
  addEventListener("mousemove", drag);
  addEventListener("mouseup", drop);
}

function thingAt(x, y) {
  const found = basemap.overlay.pickObject({ x, y, radius: PICK_RADIUS_PX, layerIds: ["supposed-units", "supposed-posts", "units", "elements"] });
  if (!found) return null;
  if (found.layer.id === "supposed-units") return { unit: found.object.unit_id };
  if (found.layer.id === "supposed-posts") return { post: found.index };
  if (found.layer.id === "elements") return found.object.element === "duty_post" && found.object.count === 1 ? { post: what.posts.length } : null;
  const unit = unitAt(found.index);
  if (statusOf(unit.unit_id) === AVAILABLE) return { unit: unit.unit_id };
  tell("toast", { kind: "bad", text: t("{unit} is not available, so it covers nothing: only available units are counted.", { unit: unit.callsign }) });
  return null;
}

const statusOf = (unitId) => state.config.marks.statuses[fleet.status[fleet.indexById.get(unitId)]]?.id;

function put(thing, place) {
  if (thing.unit) what.moves.set(thing.unit, place);
  else what.posts[thing.post] = place;
  suppose({ last: place });
}

// ---- asking ------------------------------------------------------------------------------------------------------------
// One question at a time and no more than ten a second; what is supposed when it is asked counts, whatever was before.
function ask() {
  draw();
  if (underWay || waiting) {
    again = true;
    return;
  }
  const pauseMs = Math.max(0, askedAt + LEAST_MS - performance.now());
  waiting = setTimeout(question, pauseMs);
}

async function question() {
  waiting = 0;
  if (!what) return;
  underWay = true;
  again = false;
  askedAt = performance.now();
  const mine = what;
  const withGaps = !dragging || askedAt - gapsAskedAt >= GAPS_EVERY_MS;
  if (withGaps) gapsAskedAt = askedAt;
  const told = await post("coverage", { ...supposition(), gaps: withGaps ? GAP_MINUTES : null, ring_from: what.last });
  underWay = false;
  if (what !== mine) {
    if (what) ask(); // left and begun anew meanwhile
    return;
  }
  // Of what was refused nothing is known: figures of something else would be taken for its own.
  what.told = told;
  what.against = live;
  if (!told) supposeGaps(NO_GAPS);
  else if (told.gaps) supposeGaps(told.gaps);
  if (again) ask();
  else draw();
}

const supposition = () => ({
  moves: [...what.moves].map(([unit_id, place]) => ({ unit_id, ...place })),
  posts: what.posts,
  closed: what.closed,
  scope: state.config.desk ?? "",
});

async function post(about, body) {
  try {
    const answer = await fetch(`/api/v1/what-if/${about}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const found = await answer.json();
    if (what) what.why = answer.ok ? "" : refusal(found);
    return answer.ok ? found : null;
  } catch {
    if (what) what.why = t("The server can't be reached.");
    return null;
  }
}

const refusal = ({ type, detail }) => (type.endsWith(":off-network") ? t("No street is near that point.") : detail);

async function advise(units) {
  const mine = what;
  const { turn } = what;
  Object.assign(what, { advice: null, advising: turn });
  const since = performance.now();
  clearInterval(ticking);
  ticking = setInterval(() => what === mine && what.advising === turn ? drawWait(since) : clearInterval(ticking), 1_000);
  draw();
  drawWait(since);
  const advice = await post("standby", { ...supposition(), units: Math.min(100, Math.max(1, Math.round(units) || UNITS)), within: GAP_MINUTES });
  if (what !== mine || what.turn !== turn) return;
  Object.assign(what, { advice, advising: null });
  draw();
}

// ---- drawing -----------------------------------------------------------------------------------------------------------
function draw() {
  const unitKinds = new Map(state.config.marks.kinds.map((kind, k) => [kind.id, k]));
  const known = [...what.moves].filter(([unit_id]) => fleet.indexById.has(unit_id));
  const units = known.map(([unit_id, place]) => {
    const index = fleet.indexById.get(unit_id);
    const { callsign, kind } = fleet.rows[index];
    return { unit_id, callsign, ...place, kind: unitKinds.get(kind), real: [fleet.shown[2 * index], fleet.shown[2 * index + 1]] };
  });
  const { posts, closed, told, advice } = what;
  drawBy("what-if", (atlas) => supposedLayers({ units, posts: [...posts], closed: told?.closed ?? [], rings: told?.rings ?? null, moves: advice?.moves ?? [] }, atlas));
  document.documentElement.classList.toggle("has-supposed-rings", Boolean(told?.rings));
  el("what-if-why").textContent = what.why;
  drawShares();
  drawList(units, closed);
  drawAdvice();
}

function drawShares() {
  for (const cell of document.querySelectorAll("[data-supposed]")) {
    const [field, k] = cell.dataset.supposed.split(":");
    const then = what.told?.[field]?.[Number(k)];
    const now = what.against?.[field]?.[Number(k)];
    cell.replaceChildren(node("b", "", then === undefined ? "–" : percent(then)));
    if (then !== undefined && now !== undefined) cell.append(node("span", "", ` (${signed(then - now)})`));
  }
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const signed = (share) => `${share < 0 ? "−" : "+"}${Math.abs(100 * share).toFixed(1)}`;

function drawList(units, closed) {
  const line = (text, place, remove) => {
    const row = node("div", "supposed");
    row.append(button("quiet", text, () => moveCamera(place)), button("quiet remove", "×", remove));
    return row;
  };
  const nameless = t("a street without a name");
  const without = (list, k) => list.filter((_, other) => other !== k);
  el("what-if-list").replaceChildren(
    ...units.map((one) =>
      line(t("{unit} elsewhere", { unit: one.callsign }), one, () => {
        what.moves.delete(one.unit_id);
        suppose({ last: null });
      }),
    ),
    ...what.posts.map((one, k) => line(t("one more crew"), one, () => suppose({ posts: without(what.posts, k), last: null }))),
    ...closed.map((one, k) => line(t("{street} closed", { street: what.told?.closed[k]?.name || nameless }), one, () => suppose({ closed: without(closed, k) }))),
  );
}

const WEIGHED = () => ({ expected_incidents: t("of expected incidents"), residents: t("of residents"), street_length: t("of the streets") });

function drawAdvice() {
  const { advice } = what;
  const holder = el("what-if-advice");
  el("what-if-advise").disabled = what.advising !== null;
  if (!advice) {
    if (what.advising === null) holder.replaceChildren();
    return;
  }
  const sum = t("{before} → {after} {of} within {n} min", { before: percent(advice.share_before), after: percent(advice.share_after), of: WEIGHED()[advice.weighed], n: advice.within_minutes });
  const proof = advice.proven ? t("no other moves of so many crews give more") : t("not proven best: others may give up to {share} more", { share: percent(advice.gap * advice.share_after) });
  const basis = t("{movable} crews could be moved, at most {n} min each; {staying} stay", { movable: count(advice.movable), staying: count(advice.staying), n: advice.longest_drive_minutes });
  const of = t("as of {time}", { time: clockText(Date.parse(advice.picture_at) / 1000) });
  const parts = [node("p", "advice-sum", sum), node("p", "muted", [of, proof, basis].join(" · "))];
  if (!advice.moves.length) parts.push(node("p", "empty", t("No move gives anything.")));
  for (const move of advice.moves) {
    const row = node("div", "advised");
    row.append(node("strong", "", move.callsign), node("span", "to", `→ ${placeName(move.to)}`), node("span", "muted", countdown(move.drive_s)), node("b", "gain", `+${(100 * move.gain_share).toFixed(2)} %`));
    row.addEventListener("click", () => moveCamera(move.to));
    parts.push(row);
  }
  if (advice.moves.length) {
    parts.push(
      button("", t("Suppose these moves"), () => {
        for (const { unit_id, to } of advice.moves) what.moves.set(unit_id, { lon: to.lon, lat: to.lat });
        suppose({ last: null });
      }),
    );
  }
  holder.replaceChildren(...parts);
}

// Advice is worked out for one question at a time; how long one waits for others is seen as it passes.
function drawWait(since) {
  const seconds = Math.round((performance.now() - since) / 1_000);
  const said = seconds < LONG_WAIT_S ? t("Looking for the best places… {n} s", { n: seconds }) : t("Looking for the best places… {n} s. Other desks are answered one after the other.", { n: seconds });
  el("what-if-advice").replaceChildren(node("p", "muted", said));
}

function placeName({ kind, names, org_code }) {
  if (kind === "station") return state.config.organisations[org_code] ?? names[0];
  return names.join(" / ") || t("crossing without a name");
}
