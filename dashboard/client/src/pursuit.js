// Pursuit 追击堵截: the area a target may be in grows with the clock; the server is asked again now and then for the area and for who
// can close which way out first. A push stays a press of its own.
import { moveCamera } from "./basemap.js";
import { escapeLayers } from "./escape.js";
import { button, node } from "./nodes.js";
import { drawBy } from "./overlay.js";
import { isOpen } from "./live.js";
import { on, serverNow, state, tell } from "./state.js";
import { clockText, countdown, duration, t } from "./words.js";

const ASK_EVERY_S = 10;
const MOST_SIGHTINGS = 12;
const MINUTE_S = 60;

const el = (id) => document.getElementById(id);
// `sightings`: newest first, {lon, lat, at} with `at` in Unix s. `lead`: of the closing line shown; null until one is chosen.
let chase = null;
let asking = null; // AbortController of the question under way
let factors = {};

// It is about the present: while the past is shown it rests, and its sightings are kept.
export const isPursuing = () => chase !== null && !state.replay;

export function startPursuit() {
  factors = JSON.parse(el("pursuit-profile").dataset.factors);
  el("panel").addEventListener("click", (event) => {
    const asked = event.target.closest("[data-pursue]");
    if (asked) begin(JSON.parse(asked.dataset.pursue));
  });
  el("pursuit-close").addEventListener("click", endPursuit);
  el("pursuit-earlier").addEventListener("click", () => seenAt(-MINUTE_S));
  el("pursuit-later").addEventListener("click", () => seenAt(MINUTE_S));
  el("pursuit-again").addEventListener("click", () => tell("picking", sighted));
  el("pursuit-profile").addEventListener("click", (event) => {
    const { profile } = event.target.closest("[data-profile]")?.dataset ?? {};
    if (profile) change({ profile, factor: factors[profile] });
  });
  el("pursuit-factor").addEventListener("change", (event) => change({ factor: Number(event.target.value) }));
  el("pursuit-heading").addEventListener("change", (event) => change({ heading: event.target.value }));
  el("pursuit-signs").addEventListener("click", () => change({ heedsSigns: !chase.heedsSigns }));
  on("zoom", () => isPursuing() && draw());
  on("replay-mode", rest);
  setInterval(tick, 1_000);
}

function begin({ lon, lat, incident }) {
  const same = chase && chase.incident === incident;
  const sightings = [{ lon, lat, at: serverNow() }, ...(same ? chase.sightings : [])].slice(0, MOST_SIGHTINGS);
  chase = { incident, sightings, profile: "car", factor: factors.car, heading: "", heedsSigns: false, ...(same ? kept() : {}), lead: null, answer: null, why: "" };
  show(true);
  ask();
}

function show(open) {
  document.documentElement.classList.toggle("pursuing", open);
  el("pursuit").hidden = !open;
  if (!open) drawBy("pursuit", null);
}

function rest(isPast) {
  if (!chase) return;
  asking?.abort();
  chase.answer = null;
  show(!isPast);
  if (!isPast) ask();
}

const kept = () => ({ profile: chase.profile, factor: chase.factor, heedsSigns: chase.heedsSigns });

export function endPursuit() {
  asking?.abort();
  chase = null;
  show(false);
}

// A new sighting starts it afresh; those before stay in the list.
function sighted({ lon, lat }) {
  if (isPursuing()) begin({ lon, lat, incident: chase.incident });
}

function seenAt(byS) {
  chase.sightings[0].at = Math.min(chase.sightings[0].at + byS, serverNow());
  change({});
}

function change(fields) {
  if (!chase) return;
  Object.assign(chase, fields, fields.profile ? { lead: null } : {});
  ask();
}

async function ask() {
  asking?.abort();
  asking = new AbortController();
  const mine = chase;
  const [seen] = mine.sightings;
  const query = new URLSearchParams({
    lon: seen.lon, lat: seen.lat, seen_at: new Date(seen.at * 1000).toISOString(),
    profile: mine.profile, factor: mine.factor, heeds_signs: mine.heedsSigns,
  });
  if (mine.heading) query.set("heading_deg", mine.heading);
  if (mine.incident) query.set("incident_id", mine.incident);
  mine.askedAt = serverNow();
  draw();
  try {
    const answer = await fetch(`/api/v1/pursuit?${query}`, { signal: asking.signal });
    const found = await answer.json();
    if (chase !== mine || mine.sightings[0] !== seen) return;
    mine.answer = answer.ok ? found : null;
    mine.why = answer.ok ? "" : refusal(found);
    if (answer.ok) mine.lead ??= bestLead(found.lines);
  } catch (error) {
    if (error.name === "AbortError") return;
    mine.why = t("The server can't be reached: what is drawn grows no more.");
  }
  if (chase === mine) draw();
}

function refusal({ type, detail }) {
  const said = {
    "seen-too-long-ago": t("Seen too long ago to say anything: a new sighting is needed."),
    "off-network": t("No street is near that point."),
  };
  return said[type.split(":").pop()] ?? detail;
}

// Of the closing lines the one of which the greatest share can be closed; of equals the nearest.
function bestLead(lines) {
  const share = (line) => (line.places.length ? line.in_time / line.places.length : 0);
  return lines.reduce((best, line) => (share(line) > share(best) ? line : best)).lead_s;
}

function tick() {
  if (!isPursuing() || document.hidden) return;
  if (serverNow() - chase.askedAt >= ASK_EVERY_S) ask();
  else draw();
}

function draw() {
  const [seen, ...earlier] = chase.sightings;
  const now = serverNow();
  el("pursuit-seen").textContent = t("seen {time}, {age} ago", { time: clockText(seen.at), age: duration(now - seen.at) });
  el("pursuit-later").disabled = now - seen.at < 1;
  for (const one of el("pursuit-profile").children) one.setAttribute("aria-pressed", String(one.dataset.profile === chase.profile));
  el("pursuit-factor").value = String(chase.factor);
  el("pursuit-heading").value = chase.heading;
  el("pursuit-signs").setAttribute("aria-pressed", String(chase.heedsSigns));
  const answer = chase.answer;
  const aheadS = answer ? now - Date.parse(answer.at) / 1000 : 0;
  // A server that only says nothing is no better than one that can't be reached.
  const stands = answer && aheadS > answer.front.until_s ? t("The server can't be reached: what is drawn grows no more.") : "";
  const assumed = el("pursuit-assumed");
  assumed.textContent = chase.why || stands || assumption();
  assumed.classList.toggle("bad", Boolean(chase.why || stands));
  const line = answer?.lines.find((one) => one.lead_s === chase.lead) ?? null;
  drawLines(line);
  drawPlaces(line, now);
  drawSightings();
  const places = line ? line.places : [];
  drawBy("pursuit", (atlas) => escapeLayers({ answer, aheadS, places, seen, earlier }, atlas));
}

function assumption() {
  const pace = t("Assumed: usual speed of each street × {factor}", { factor: chase.factor });
  const signs = chase.profile === "foot" ? "" : chase.heedsSigns ? t("keeps to one-way streets and turn bans") : t("heeds no one-way streets and no turn bans");
  return [pace, signs].filter(Boolean).join(" · ");
}

function drawLines(shown) {
  const lines = chase.answer?.lines ?? [];
  el("pursuit-lines").replaceChildren(
    ...lines.map((line) => {
      const minutes = line.lead_s / 60;
      const one = button("", t("in {n} min", { n: minutes }), () => {
        chase.lead = line.lead_s;
        draw();
      });
      one.append(node("b", "", `${line.in_time}/${line.places.length}`));
      one.title = t("Of the ways out of the area in {n} min so many can be closed in time", { n: minutes });
      one.setAttribute("aria-pressed", String(line === shown));
      return one;
    }),
  );
}

function drawPlaces(line, now) {
  const holder = el("pursuit-places");
  if (!line) {
    holder.replaceChildren();
    return;
  }
  const aheadS = now - Date.parse(chase.answer.at) / 1000;
  const rows = line.places.map((place) => row(place, aheadS));
  if (!line.places.length) rows.push(node("p", "empty", t("No way out of larger streets leads across this line.")));
  if (line.smaller_streets) rows.push(node("p", "muted", t("and {n} crossings of smaller streets, which are not listed", { n: line.smaller_streets })));
  const top = holder.scrollTop;
  holder.replaceChildren(...rows);
  holder.scrollTop = top;
}

function row(place, aheadS) {
  const late = place.margin_s !== null && place.margin_s < 0;
  const made = node("div", `way-out ${place.crew ? (late ? "late" : "closed") : "open"}`);
  made.tabIndex = 0;
  made.addEventListener("click", () => moveCamera({ lon: place.lon, lat: place.lat }));
  const said = node("div", "way-out-main");
  const name = node("div", "row-first");
  if (place.kind === "checkpoint") name.append(checkpointSign());
  name.append(node("strong", "", placeName(place)));
  const times = [t("target in {time}", { time: countdown(Math.max(0, place.target_s - aheadS)) })];
  if (place.crew) times.push(t("{unit} in {time}", { unit: place.crew.callsign, time: countdown(Math.max(0, place.crew.arrival_s - aheadS)) }));
  said.append(name, node("div", "reason", times.join(" · ")));
  made.append(node("i", "margin-sign"), said, node("span", "margin", marginText(place)), ...push(place));
  return made;
}

function checkpointSign() {
  const sign = node("span", "icon");
  sign.style.setProperty("--icon", "url(/assets/icons/checkpoint.svg)");
  sign.title = t("checkpoint");
  return sign;
}

function placeName(place) {
  if (!place.names.length) return t("crossing without a name");
  return place.names.join(" / ");
}

export function marginText(place) {
  if (!place.crew) return t("no crew left");
  const by = countdown(Math.abs(place.margin_s));
  return place.margin_s >= 0 ? t("in time by {time}", { time: by }) : t("too late by {time}", { time: by });
}

// The ordinary push of the crew to the incident; the panel's rules and questions hold for it.
function push(place) {
  const incident = state.incidents.get(chase.incident);
  if (!place.crew || place.crew.assigned || !incident || !isOpen(incident) || !state.config.pushes) return place.crew?.assigned ? [node("span", "pill", t("on it"))] : [];
  const active = incident.assignments.some((one) => !["released", "recalled", "refused"].includes(one.stage));
  const made = node("button", "push", active ? t("Reinforce") : t("Push"));
  made.dataset.press = JSON.stringify({ to: "pressed", command: active ? "reinforce" : "push", incident: chase.incident, unit: place.crew.unit_id });
  return [made];
}

function drawSightings() {
  const rows = chase.sightings.map((one, k) => {
    const line = node("div", "sighting");
    line.append(node("b", "", String(chase.sightings.length - k)), node("span", "", clockText(one.at)));
    line.append(button("quiet", `${one.lon.toFixed(4)}, ${one.lat.toFixed(4)}`, () => moveCamera(one)));
    if (chase.incident && state.config.notes) line.append(one.noted ? node("span", "pill", t("noted")) : button("quiet", t("Note to all on it"), () => note(one)));
    return line;
  });
  el("pursuit-sightings").replaceChildren(node("h4", "", t("Sightings")), ...rows);
}

// On record, and on the phones of the crews: by the incident's own notes.
async function note(one) {
  const how = chase.profile === "car" ? t("by car") : t("on foot");
  const text = t("Target seen at {time}: {lon}, {lat}, {how}", { time: clockText(one.at), lon: one.lon.toFixed(5), lat: one.lat.toFixed(5), how });
  const answer = await fetch(`/api/v1/incidents/${encodeURIComponent(chase.incident)}/commands`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": `sighting-${chase.incident}-${Math.round(one.at * 1000)}` },
    body: JSON.stringify({ command: "note", text }),
  }).catch(() => null);
  if (answer?.ok) one.noted = true;
  else tell("toast", { kind: "bad", text: (await answer?.json().catch(() => null))?.detail || t("Not sent: the server can't be reached. Try again.") });
  if (isPursuing()) draw();
}
