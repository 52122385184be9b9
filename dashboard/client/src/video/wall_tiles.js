// Pictures on a wall: those a desk sent, and rounds of a group on what remains. Nobody touches it; its tiles are made once.
import { isWall } from "../wall.js";
import { on, presentNow, state } from "../state.js";
import { clockText, numberOf, t } from "../words.js";
import { nameOf } from "./camera.js";
import { added, askedOf, camerasIn, isFollowed, layoutFor, pageOf, pagesOf, placed } from "./rounds.js";
import { keepTime, Tile } from "./tile.js";

const BESIDE_MAP = 4; // tiles of a wall that shows the map as well
const GROUP_AGAIN_MS = 30_000; // while the group is not known
const GROUP_RENEW_MS = 600_000; // cameras may have joined it
const MOST_IN_ROUND = 200;
const KEPT = "liandong.wall-video"; // what was sent outlives the daily renewal of the page
const ONE_BY_ONE_MS = 200; // a page turns tile by tile: twice as many streams at once would be too much

let asked = null;
let tiles = [];
const NOTHING_SENT = { cameras: [], by: "", at: 0, selection: null, round: null, follows: false };
let sent = NOTHING_SENT;
let group = { id: "", name: "", name_en: "", cameras: [], trouble: "" };
let turn = 0;
let turnAt = 0; // performance.now() of the next page
let turning = []; // [tile, camera] that are still to be changed

const holder = () => document.getElementById("video");

export function startWallVideo() {
  const { screen } = document.documentElement.dataset;
  if (!isWall() || !state.config.watches || !["video", "all"].includes(screen)) return;
  asked = askedOf(new URLSearchParams(location.search));
  if (screen === "all") Object.assign(asked, { tiles: BESIDE_MAP, group: "" });
  tiles = Array.from({ length: asked.tiles }, () => new Tile());
  holder().querySelector(".video-tiles").append(...tiles.map((tile) => tile.root));
  sent = JSON.parse(sessionStorage.getItem(KEPT)) ?? NOTHING_SENT;
  on("view", taken);
  on("replay-mode", arrange); // no picture of now beside the map of then
  on("incidents-replaced", drawHead);
  on("incident", drawHead);
  keepTime(() => tiles);
  if (asked.group) fetchGroup();
  setInterval(tick, ONE_BY_ONE_MS);
  arrange();
}

// What a desk sent, where it is about pictures at all: its open ones, one more, or cameras to go round. It is told again when the connection comes back.
function taken({ screen, view, pushed_by, pushed_at }) {
  if (!view?.how || pushed_at === sent.at || (screen !== document.documentElement.dataset.screen && screen !== "video")) return;
  const fresh = camerasIn(view, asked.tiles);
  const isMore = view.how === "add";
  const round = view.round ? { id: "round", name: String(view.round.name ?? "").slice(0, 200), cameras: camerasIn(view.round, MOST_IN_ROUND) } : null;
  const before = shownOf(sent);
  sent = {
    cameras: isMore ? added(sent.cameras, fresh, asked.tiles) : fresh,
    by: pushed_by,
    at: pushed_at,
    selection: view.selection ?? null,
    round: isMore ? sent.round : round,
    follows: view.follows === true,
  };
  sessionStorage.setItem(KEPT, JSON.stringify(sent));
  if (shownOf(sent) === before) drawHead(); // said again by a desk that is followed: a round goes on
  else arrange();
}

const shownOf = ({ cameras, selection, round }) => JSON.stringify([cameras, selection, round]);

async function fetchGroup() {
  const answer = await fetch(`/api/v1/camera-groups?${new URLSearchParams({ group: asked.group })}`).catch(() => null);
  const found = await answer?.json().catch(() => null);
  if (answer?.ok && found) {
    const isSame = JSON.stringify(found.cameras) === JSON.stringify(group.cameras);
    group = { id: asked.group, name: found.name, name_en: found.name_en, cameras: found.cameras, trouble: "" };
    if (!isSame) arrange();
    drawHead();
  } else if (!group.cameras.length) {
    group.trouble = found?.detail ?? t("The server doesn't answer");
    drawHead();
  }
  setTimeout(fetchGroup, answer?.ok ? GROUP_RENEW_MS : GROUP_AGAIN_MS);
}

const free = () => Math.max(0, asked.tiles - sent.cameras.length);
const roundOf = () => sent.round ?? group;
// What a desk sent by itself does not come again in the round.
function inRound() {
  const isSent = new Set(sent.cameras.map((camera) => camera.id));
  return roundOf().cameras.filter((camera) => !isSent.has(camera.id));
}

function tick() {
  if (document.hidden) return;
  if (sent.follows && !isFollowed(sent, presentNow())) {
    sent.follows = false;
    drawHead();
  }
  const change = turning.shift();
  if (change) change[0].show(change[1]);
  const now = performance.now();
  if (now < turnAt || inRound().length <= free()) return;
  turn = (turn + 1) % pagesOf(inRound().length, free());
  arrange();
}

function arrange() {
  turnAt = performance.now() + asked.dwellS * 1000;
  const wanted = state.replay ? [] : [...sent.cameras, ...pageOf(inRound(), free(), turn)];
  const size = layoutFor(Math.max(1, wanted.length), asked.tiles);
  const shown = tiles.slice(0, size);
  const next = placed(wanted, shown.map((tile) => tile.camera));
  turning = [];
  shown.forEach((tile, k) => {
    if (next[k]?.id === tile.camera?.id) return;
    if (tile.camera && next[k]) turning.push([tile, next[k]]);
    else tile.show(next[k]);
  });
  tiles.forEach((tile, k) => {
    tile.root.hidden = k >= size;
    if (k >= size && tile.camera) tile.show(null);
  });
  holder().hidden = document.documentElement.dataset.screen === "all" && !wanted.length;
  document.documentElement.classList.toggle("has-video", wanted.length > 0);
  holder().querySelector(".video-tiles").style.setProperty("--columns", String(document.documentElement.dataset.screen === "all" ? BESIDE_MAP : Math.sqrt(size)));
  drawHead();
}

function drawHead() {
  const parts = [];
  const incident = sent.selection && state.incidents.get(sent.selection.incident_id);
  if (incident) parts.push(`${numberOf(incident)} ${state.config.types[incident.incident_type] ?? incident.incident_type}${incident.address ? ` · ${incident.address}` : ""}`);
  if (isFollowed(sent, presentNow())) parts.push(t("follows {name}'s desk", { name: sent.by }));
  else if (sent.cameras.length || sent.round) parts.push(t("sent by {name} at {time}", { name: sent.by, time: clockText(sent.at).slice(0, 5) }));
  if (roundOf().cameras.length && free() > 0) {
    const pages = pagesOf(inRound().length, free());
    const unnamed = t("{n} cameras", { n: roundOf().cameras.length });
    const which = pages > 1 ? ` ${(turn % pages) + 1}/${pages}` : "";
    parts.push(t("Round of {name}", { name: roundOf().name ? nameOf(roundOf()) : unnamed }) + which);
  } else if (group.trouble) parts.push(group.trouble);
  const head = holder().querySelector(".video-title");
  const said = parts.join("  ·  ");
  if (head.textContent !== said) head.textContent = said;
  document.getElementById("video-none").hidden = sent.cameras.length + roundOf().cameras.length > 0 || isFollowed(sent, presentNow());
}

// For tests of endurance, which do not wait for days.
export const wallVideo = () => ({
  shown: tiles.filter((tile) => tile.camera).map((tile) => tile.camera.id),
  turn,
  settled: !turning.length && tiles.every((tile) => !tile.camera || tile.isLive()),
  next: () => {
    turnAt = 0;
  },
});
