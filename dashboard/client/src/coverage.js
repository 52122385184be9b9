// Coverage: the number on the strip and the wall, and what stands behind it. It comes with the live socket, each second.
import { toggle } from "./catalogue.js";
import { GAPS } from "./gaps.js";
import { on, serverNow, state } from "./state.js";
import { age, count, t } from "./words.js";

const MINUTES = 3;
// The number is a whole per cent and moves when the share has left it by this much, so that it does not flicker between two.
const LEAVES_AT = 0.75;
// It is told at least every ten seconds; one that stands still is none of now.
const STALE_S = 30;
// While things move it is told each second, and worked out in less; a replay's seconds pass faster.
const TOLD_WITHIN_S = 2;

let told = null;
let shown = { field: null, percent: NaN };
let wasStale = false;

export function startCoverage() {
  on("coverage", (message) => {
    told = message;
    draw();
  });
  on("switches", drawSwitch);
  document.getElementById("coverage-open").addEventListener("click", () => openCoverage());
  document.getElementById("gaps-switch").addEventListener("click", toggleGaps);
  addEventListener("pointerdown", (event) => {
    if (!event.target.closest(".coverage-holder")) openCoverage(false);
  });
  setInterval(drawAge, 1_000);
  on("replay-clock", drawAge);
  drawSwitch();
}

export const toggleGaps = () => toggle(GAPS);

// Opens or closes; without a word the other way round. Answers whether it was open.
export function openCoverage(open) {
  const panel = document.getElementById("coverage");
  const was = !panel.hidden;
  panel.hidden = open === undefined ? was : !open;
  document.getElementById("coverage-open").setAttribute("aria-expanded", String(!panel.hidden));
  if (!panel.hidden) drawAge();
  return was;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const shareOf = (field, minutes) => told?.[field]?.[told.minutes.indexOf(minutes)];
// What is expected counts where there is history; else the streets as they are, and the number says so.
const headline = () => (told.incident_share ? "incident_share" : "street_share");

function draw() {
  const field = headline();
  const percent = 100 * (shareOf(field, MINUTES) ?? NaN);
  if (field !== shown.field || !(Math.abs(percent - shown.percent) <= LEAVES_AT)) shown = { field, percent: Math.round(percent) };
  wasStale = isStale();
  const known = Number.isFinite(shown.percent) && !wasStale;
  const of = { incident_share: t("of incidents"), street_share: t("of streets") }[field];
  for (const node of document.querySelectorAll("[data-coverage]")) {
    put(node, known ? `${shown.percent} %` : "–");
    node.parentElement.classList.toggle("unknown", !known);
  }
  for (const node of document.querySelectorAll("[data-coverage-of]")) put(node, known ? of : t("no coverage"));
  for (const cell of document.querySelectorAll("[data-share]")) {
    const [name, minutes] = cell.dataset.share.split(":");
    const share = shareOf(name, Number(minutes));
    put(cell, share === undefined ? "–" : `${(100 * share).toFixed(1)} %`);
  }
  const said = { expected: expectedText(), residents: told.resident_share || !told.positions_known ? "" : t("Where people live is not known of this city: no homes are in its map data."), units: unitsText() };
  for (const node of document.querySelectorAll("[data-coverage-said]")) put(node, said[node.dataset.coverageSaid]);
  drawAge();
}

function expectedText() {
  const { incidents, hours, as_of } = told.expected;
  if (as_of === null && state.replay) return t("What was to be expected then is not kept.");
  if (as_of === null) return t("History is being read.");
  if (!told.incident_share) return t("Expected incidents are not stated: {n} of the past year are too few.", { n: count(incidents) });
  const when = hours ? t("between {from} and {to} o'clock", { from: hours[0], to: hours[1] }) : t("at any hour");
  return t("Expected from {n} incidents of the past year {when}, complaints left out, spread over the streets around.", { n: count(incidents), when });
}

function unitsText() {
  if (!told.positions_known) return t("Where units were then is not kept: coverage is not known.");
  const { no_position, old_position, off_network } = told.left_out;
  const counted = t("{n} available units counted.", { n: count(told.units) });
  const left = [
    [no_position, t("without a position")],
    [old_position, t("with a position older than 2 min")],
    [off_network, t("off the streets")],
  ].filter(([number]) => number > 0);
  if (!left.length) return counted;
  const comma = t(", ");
  const list = left.map(([number, why]) => `${count(number)} ${why}`).join(comma);
  return [counted, t("Left out: {list}.", { list })].join(" ");
}

const ageS = () => serverNow() - Date.parse(told.picture_at) / 1000;

// Also of another moment than a replay shows: after a jump the number of where it was stands until the new one comes.
function isStale() {
  const speed = state.replay?.speed ?? 1;
  return ageS() > Math.max(STALE_S, TOLD_WITHIN_S * speed) || ageS() < -TOLD_WITHIN_S * Math.max(1, speed);
}

function drawAge() {
  if (!told) return;
  if (isStale() !== wasStale) draw();
  const text = age(ageS());
  for (const node of document.querySelectorAll("[data-coverage-age]")) put(node, text);
}

function drawSwitch() {
  document.getElementById("gaps-switch").setAttribute("aria-pressed", String(state.on.has(GAPS)));
}
