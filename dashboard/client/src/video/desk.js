// Pictures at a desk: along the foot of the map, beside the panel. The nearest four of an incident start by themselves when it is
// opened; one clicked on the map, in the panel or found by its name joins them. One of them may be large, with its main stream.
import { send } from "../live.js";
import { on, serverNow, state, tell } from "../state.js";
import { t } from "../words.js";
import { CAMERA, cameraOf, idOf, nameOf, namedOnly, starting } from "./camera.js";
import { bookmark } from "./clips.js";
import { Following, pageName } from "./following.js";
import { Pad } from "./ptz_pad.js";
import { keepTime, Tile, tool } from "./tile.js";
import { hovered } from "./warm.js";

const BY_THEMSELVES = 4;
const MOST_IN_ROUND = 200;
const BACK_S = 300;
const NEW_S = 600; // an incident reported within this: looking back begins before its report
const MOST = 16; // more than a computer without a graphics card decodes

const open = []; // {tile, camera, isAuto, pad}, in their order on the screen
let large = null; // the enlarged one of them, which has a pad
let startedFor = ""; // incident and place whose cameras have been started
let about = null; // id of that incident
let clips = 0; // shown in the dock by clips.js
const page = pageName();
const following = new Following({ send, page, view: () => ({ cameras: openCameras(), selection: selectedIncident() }), told: followingTold });

const dock = () => document.getElementById("video");

export function startDeskVideo() {
  if (!state.config.watches) return;
  on("scene", sceneShown);
  on("selection", (selection) => {
    // A camera that is looked at beside an incident does not end the incident's pictures.
    if (selection === null) closeAutos();
    if (selection?.kind === "element" && selection.element === CAMERA) openCamera(cameraOf(idOf(selection), selection.properties, selection));
    following.change();
  });
  on("watch-camera", openCamera);
  on("camera-taken", ({ camera_id, camera, by, by_org_name }) => {
    if (large?.camera.id === camera_id && !large.pad.root.hidden) return; // its pad says so
    tell("toast", { kind: "bad", text: t("{name} · {org} has taken over camera {camera}.", { name: by, org: by_org_name, camera }) });
  });
  // A picture of now beside the map of then would be taken for a picture of then.
  on("replay-mode", () => {
    closeAll();
    startedFor = "";
    following.rest(state.replay !== null);
    arrange();
  });
  on("wall-sent", (sent) => following.heard(sent));
  on("clips-shown", (count) => {
    clips = count;
    arrange();
  });
  on("round-to-wall", ({ name, cameras }) => push({ how: "set", cameras: [], round: { name, cameras: cameras.slice(0, MOST_IN_ROUND) } }));
  on("hover", (info) => !state.replay && hovered(info.layer?.id === "elements" && info.object?.count === 1 && info.object.element === CAMERA ? info.object.feature.properties.element_id : null));
  document.getElementById("panel").addEventListener("pointerover", (event) => !state.replay && hovered(cameraRow(event)?.id ?? null));
  document.getElementById("panel").addEventListener("click", (event) => {
    const camera = cameraRow(event);
    if (camera) openCamera(camera);
  });
  document.getElementById("video-close").addEventListener("click", closeAll);
  document.getElementById("video-to-wall").addEventListener("click", () => push(pictures()));
  document.getElementById("video-follow").addEventListener("click", followKey);
  const foot = dock().querySelector(".video-dock");
  new ResizeObserver(() => document.getElementById("stage").style.setProperty("--video-rise", `${foot.offsetHeight}px`)).observe(foot); // 0 when hidden
  keepTime(() => open.map((one) => one.tile));
}

// What is open here, for a wall that shall show the same; `page` tells what this page sent from what others did.
export const openCameras = () => open.map((one) => namedOnly(one.camera));
export const pictures = () => ({ how: "set", cameras: openCameras(), page, follows: following.isOn });
const selectedIncident = () => (state.selection?.kind === "incident" ? state.selection : null);

function cameraRow(event) {
  const row = event.target.closest("[data-watch]");
  return row ? JSON.parse(row.dataset.watch) : null;
}

function sceneShown(found) {
  const { selection, cameras, at } = found ?? {};
  if (selection?.kind !== "incident" || !cameras || state.replay) return;
  const key = `${selection.incident_id} ${at}`;
  if (key === startedFor) return; // also when a person has closed them
  startedFor = key;
  about = selection.incident_id;
  const nearest = starting(cameras, BY_THEMSELVES);
  nearest.sort((one, other) => Number(other.looks_here === true) - Number(one.looks_here === true));
  setAutos(nearest);
}

// Those of another incident take their place; a camera of both goes on.
function setAutos(cameras) {
  const wanted = new Set(cameras.map((camera) => camera.id));
  for (const one of open.filter((one) => one.isAuto && !wanted.has(one.camera.id))) close(one);
  for (const camera of cameras) if (!find(camera.id) && open.length < MOST) add(camera, true);
}

function closeAutos() {
  startedFor = "";
  about = null;
  for (const one of open.filter((one) => one.isAuto)) close(one);
}

const find = (cameraId) => open.find((one) => one.camera.id === cameraId);

function openCamera(camera) {
  if (state.replay) return tell("toast", { kind: "bad", text: t("Cameras show the present only. L goes back to it.") });
  const already = find(camera.id);
  if (already) {
    already.isAuto = false;
    return point(already);
  }
  if (open.length >= MOST) {
    const oldest = open.find((one) => one.isAuto && one !== large);
    if (!oldest) return tell("toast", { kind: "bad", text: t("{n} pictures are open: close one first.", { n: MOST }) });
    close(oldest);
  }
  return point(add(camera, false));
}

// Which one it is, among several.
function point({ tile }) {
  tile.root.classList.add("pointed");
  setTimeout(() => tile.root.classList.remove("pointed"), 1_200);
}

function add(camera, isAuto) {
  const one = { camera, isAuto, tile: null, pad: null };
  const tools = [
    tool("again", "again", t("Ask again"), () => one.tile.again()),
    ...(state.config.bookmarks ? [tool("bookmark", "bookmark", t("Mark this moment: its clip is kept with the incident (b)"), () => mark(one))] : []),
    tool("past", "replay", t("From five minutes before, or live again (h)"), () => lookBack(one)),
    ...(state.config.pushesView ? [tool("wall", "wall", t("Show it on the wall"), () => push({ how: "add", cameras: [namedOnly(camera)] }))] : []),
    tool("turn", "turn", t("Turn this camera (y)"), () => turn(one)),
    tool("full", "full", t("Full screen (f)"), () => fullScreen(one)),
    tool("enlarge", "enlarge", t("Large, or small again (v)"), () => enlarge(large === one ? null : one)),
    tool("close", "close", t("Close this picture (x)"), () => close(one)),
  ];
  one.tile = new Tile({ tools });
  one.tile.root.addEventListener("click", () => enlarge(large === one ? null : one));
  open.push(one);
  dock().querySelector(".video-tiles").append(one.tile.root);
  one.tile.show(camera, "sub");
  arrange();
  return one;
}

function close(one) {
  if (large === one) large = null;
  one.pad?.remove();
  open.splice(open.indexOf(one), 1);
  one.tile.remove();
  arrange();
}

function closeAll() {
  for (const one of [...open]) close(one);
}

function enlarge(one) {
  if (large) {
    large.pad.remove();
    large.pad = null;
    large.tile.show(large.camera, "sub");
  }
  large = one;
  if (one) {
    one.tile.show(one.camera, "main");
    one.pad = new Pad(one.camera, incidentToLookAt, () => one.tile.recorded === null);
    one.tile.root.append(one.pad.root);
  }
  arrange();
}

// The selected one, else the one whose pictures are open.
function incidentToLookAt() {
  const chosen = state.selection?.kind === "incident" ? state.selection.incident_id : about;
  const incident = state.incidents.get(chosen);
  return incident && incident.lon !== null ? incident : null;
}

// The pad of a picture, which is large and live then; or why it has none.
async function turn(one) {
  one.tile.toLive();
  const isNew = large !== one;
  if (isNew) enlarge(one);
  const { pad } = one;
  await pad.ready;
  if (one.pad !== pad || one.tile.recorded) return; // it became small, or looks back, meanwhile
  if (isNew && !pad.root.hidden) return pad.root.focus();
  const why = await pad.toggle();
  if (why) tell("toast", { kind: "bad", text: `${nameOf(one.camera)}: ${why}` });
}

function mark(one) {
  const atS = one.tile.shownAtS();
  if (Number.isFinite(atS)) bookmark(one.camera, atS);
  else tell("toast", { kind: "bad", text: t("There is no picture to be marked.") });
}

// The minutes before a report that has just come in are what matters; of an older one they are not kept any more.
function lookBack(one) {
  if (one.tile.toLive()) return;
  one.pad?.show(false); // nobody steers by a picture of the past
  const now = serverNow();
  const incident = state.selection?.kind === "incident" ? state.incidents.get(state.selection.incident_id) : null;
  const receivedS = incident ? Date.parse(incident.received_at) / 1000 : 0;
  one.tile.lookBack(now - receivedS < NEW_S ? receivedS - BACK_S : now - BACK_S, now - BACK_S);
}

function arrange() {
  dock().hidden = !open.length && !clips && !following.isOn;
  dock().classList.toggle("has-clips", clips > 0);
  dock().classList.toggle("has-large", large !== null);
  document.documentElement.classList.toggle("has-video", !dock().hidden);
  document.getElementById("video-count").textContent = String(clips || open.length);
  dock().querySelector(".video-tiles").style.setProperty("--columns", String(open.length <= 8 ? 4 : open.length <= 10 ? 5 : 6));
  for (const one of open) one.tile.root.classList.toggle("large", one === large);
  drawFollowing();
  tell("tiles", open.map((one) => one.camera));
  following.change();
}

function fullScreen(one) {
  if (document.fullscreenElement) document.exitFullscreen();
  else {
    if (large !== one) enlarge(one);
    one.tile.root.requestFullscreen(); // the tile, not the video: who watches and when stays over it
  }
}

// A picture that is added, or a round, stays on the wall: it would be gone with the next change of a desk that is followed.
function push(view) {
  const isSent = send({ type: "show", screen: "video", view: { ...view, selection: selectedIncident(), page } });
  if (!isSent) return tell("toast", { kind: "bad", text: t("Not sent to the video wall: there is no connection to the server.") });
  const ends = following.isOn && !view.follows;
  if (ends) following.stop(state.config.viewer);
  tell("toast", { kind: "good", text: ends ? t("Sent to the video wall, which no longer follows this desk.") : t("Sent to the video wall.") });
}

function followingTold(isOn, endedBy) {
  arrange();
  if (isOn) tell("toast", { kind: "good", text: t("The video wall follows this desk: its incident and its pictures. U ends it.") });
  else if (endedBy) tell("toast", { kind: "bad", text: t("The video wall no longer follows this desk: {name} has sent something else to it.", { name: endedBy }) });
  else tell("toast", { kind: "good", text: t("The video wall no longer follows this desk; it keeps what it shows.") });
}

function drawFollowing() {
  const button = document.getElementById("video-follow");
  const word = !following.isOn ? t("Let the wall follow") : following.isResting ? t("The wall follows: rests in replay") : t("The wall follows this desk");
  button.setAttribute("aria-pressed", String(following.isOn));
  const said = button.querySelector("span:last-child");
  if (said.textContent !== word) said.textContent = word;
}

// Keys. Each answers whether there was anything to do.
export function followKey() {
  if (!state.config.watches || !state.config.pushesView) return;
  if (following.isOn) following.stop();
  else if (state.replay) tell("toast", { kind: "bad", text: t("Cameras show the present only. L goes back to it.") });
  else following.start();
}

export function enlargeNext() {
  if (!open.length) return;
  const next = open[open.indexOf(large) + 1] ?? null; // none is large: the first; after the last: none
  enlarge(next);
}

export function fullScreenKey() {
  const one = large ?? open[0];
  if (one) fullScreen(one);
}

// Of the large picture, else of the selected camera's, else of the first.
export function turnKey() {
  const chosen = state.selection?.kind === "element" ? find(idOf(state.selection)) : null;
  const one = large ?? chosen ?? open[0];
  if (one) turn(one);
}

export function bookmarkKey() {
  const one = large ?? open[0];
  if (one) mark(one);
}

export function lookBackKey() {
  const one = large ?? open[0];
  if (one) lookBack(one);
}

// All that look back are live again; answers whether there was one.
export function liveKey() {
  return open.filter((one) => one.tile.toLive()).length > 0;
}

export function closeKey() {
  const one = large ?? open.at(-1);
  if (one) close(one);
}

// Esc: the large one becomes small again; answers whether there was one.
export function leaveLarge() {
  if (!large) return false;
  enlarge(null);
  return true;
}
