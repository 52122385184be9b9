// The page's own program: waits for what Dash lays out, joins the parts, starts them in order.
import { currentView, readAddress, startAddress } from "./address.js";
import { basemap, findMap, moveCamera, setStyle } from "./basemap.js";
import { sounding, startAlarm } from "./alarm.js";
import { startBroadcasts } from "./broadcasts.js";
import { startCatalogue } from "./catalogue.js";
import { circles } from "./circle_state.js";
import { mindingClaims, startClaims } from "./claim.js";
import { circleClick, nameCrewsBy, startDutyCircles } from "./duty_circles.js";
import { startCoverage } from "./coverage.js";
import { startElements } from "./elements.js";
import { fleet, startFleet } from "./fleet.js";
import { withAnswer } from "./call_answers.js";
import { alikeFound, startFurtherCalls } from "./further.js";
import { startGaps } from "./gaps.js";
import { startKeyboard } from "./keyboard.js";
import { drawClocks } from "./clocks.js";
import { lineAnswered, lineOffered, startLine } from "./line.js";
import { connect, send, startWatching } from "./live.js";
import { noMoment, seek, startReplay } from "./replay.js";
import { magnified } from "./draw.js";
import { redrawAtlas, showScene, startOverlay, timing, unitAt } from "./overlay.js";
import { focusSoon } from "./nodes.js";
import { startPursuit } from "./pursuit.js";
import { startPresence } from "./presence.js";
import { nameUnitsBy, registerCard, startQueue } from "./queue.js";
import { on, sameSelection, select, setProps, state, tell } from "./state.js";
import { startStrip } from "./strip.js";
import { startTimeBar } from "./time_bar.js";
import { startUnanswered } from "./unanswered.js";
import { isWall, startWall } from "./wall.js";
import { startWallKpi } from "./wall_kpi.js";
import { isSupposing, startWhatIf } from "./whatif.js";
import { setWords, t } from "./words.js";
import { startCones } from "./video/cones.js";
import { clipOffsets, startClips } from "./video/clips.js";
import { pictures as openPictures, startDeskVideo } from "./video/desk.js";
import { startDirections } from "./video/directions.js";
import { drawSceneVideo, startSceneVideo } from "./video/scene.js";
import { startWallVideo, wallVideo } from "./video/wall_tiles.js";

const TIMES_AGE_MS = 10_000;

registerCard();

// Called by Dash once the layout is there, with the configuration the server wrote into it.
window.dash_clientside = Object.assign(window.dash_clientside || {}, {
  liandong: {
    start: quietly(once(start)),
    // An answer that comes after the selection has moved on is not drawn, and what the panel still shows of the earlier
    // selection is hidden: nobody may push to an incident that he has just left.
    drawScene: quietly((found) => {
      if (!isPresent(found)) return;
      document.documentElement.classList.remove("scene-waiting");
      drawScene(found);
    }),
    panelShows: quietly((shown) => {
      if (isPresent(shown)) document.documentElement.classList.remove("panel-waiting");
      requestAnimationFrame(() => {
        drawClocks();
        sayWhetherMore();
      });
    }),
    toast: quietly((said) => said && toast(said)),
    located: quietly((point) => point && moveCamera({ ...point, zoom: Math.max(14, basemap.map.getZoom()) })),
    alike: quietly(alikeFound),
    // A form that opens anew begins without answers.
    callAnswered: (_key, press, answers) => (window.dash_clientside.callback_context.triggered_id === "new-key" || !press ? {} : withAnswer(answers, press)),
    lineOffered: quietly(lineOffered),
    lineAnswered: quietly(lineAnswered),
    choose: quietly((selection) => selection && select(selection)),
  },
});
// For measurements and browser tests; nothing in the page reads it.
window.liandong = { timing, basemap, fleet, state, sounding, circles, wallVideo, clipOffsets, select, tell };

function isPresent(answer) {
  return sameSelection(answer?.selection ?? null, state.selection);
}

function quietly(work) {
  return (...values) => {
    work(...values);
    return window.dash_clientside.no_update;
  };
}

function once(work) {
  let begun = false;
  return (config) => {
    if (begun || !config) return;
    begun = true;
    work(config).catch((error) => {
      console.error(error);
      toast({ kind: "bad", text: String(error.message || error) });
    });
  };
}

async function start(config) {
  state.config = config;
  setWords(config);
  const asked = readAddress();
  on("toast", toast);
  nameUnitsBy((unitId) => fleet.rows[fleet.indexById.get(unitId)]?.callsign);
  nameCrewsBy((unitId) => fleet.rows[fleet.indexById.get(unitId)]?.callsign);
  startReplay();
  startUnanswered();
  startFleet();
  startCatalogue(asked.on || config.catalogue.flatMap((category) => category.elements.filter((element) => element.on).map((element) => element.id)));
  startStrip();
  startCoverage();
  startQueue();
  startPresence();
  startSceneVideo();
  startBroadcasts((unitId) => fleet.rows[fleet.indexById.get(unitId)]?.callsign);
  if (asked.misread) toast({ kind: "bad", text: noMoment() });
  if (asked.replay) seek(asked.replay.at, asked.replay);
  else connect();
  startWatching();
  await findMap();
  if (asked.view) moveCamera(asked.view, true);
  basemap.overlay.setProps({ onClick: clicked, onHover: (info) => tell("hover", info), getCursor: ({ isHovering }) => (state.picking || circles.mode ? "crosshair" : isHovering ? "pointer" : "grab") });
  const lettered = letter(config);
  await startOverlay();
  drawSceneVideo();
  startElements();
  startTimeBar();
  startDutyCircles(asked.on);
  startGaps();
  startAddress();
  on("selection", selected);
  on("incident", (message) => {
    if (concerns(message.incident) || ["place_warned", "warning_lifted"].includes(message.event?.event)) changed();
  });
  // What happened while the connection was away is in the new picture, not in messages: the panel must ask again.
  on("hello", () => {
    if (state.selection) changed(true);
  });
  on("focus-selection", () => focus());
  on("picking", picking);
  setInterval(() => {
    if (state.selection && state.selection.kind !== "element" && state.connected && !document.hidden) setProps("scene-tick", { data: Date.now() });
  }, TIMES_AGE_MS);
  wire();
  startWallKpi(document.documentElement.dataset.screen === "kpi", config);
  if (isWall()) {
    startWall();
    startWallVideo();
  } else {
    startKeyboard();
    startFurtherCalls();
    startLine();
    startAlarm();
    startClaims();
    startPursuit();
    startWhatIf();
    startDirections();
    startCones();
    startDeskVideo();
    startClips();
  }
  setProps("page", { data: { id: newId(), lang: config.lang, wall: isWall(), desk: config.desk } });
  if (asked.selection) select(asked.selection);
  if (asked.selection && !asked.view) lettered.then(beginAt);
  document.documentElement.classList.add("ready");

}

// A map keeps each glyph as it was first drawn, so nothing is written on it before the fonts have come.
async function letter(config) {
  await document.fonts.load('16px "Noto Sans SC Variable"', config.letters).catch((error) => console.warn(error));
  state.lettered = true;
  await setStyle(document.documentElement.dataset.theme, config.lang, magnified());
}

let pending = 0;
let presses = 0; // of buttons in the panel, on this page

// What is selected has changed. Several events of one command come together: one question to the server is enough.
// `jumped`: also what does not move by itself may be another, as the rings.
function changed(jumped = false) {
  clearTimeout(pending);
  pending = setTimeout(() => {
    if (jumped) setProps("scene-at", { data: null });
    setProps("refresh", { data: Date.now() });
    setProps("scene-tick", { data: Date.now() });
  }, 40);
}

// crypto.randomUUID exists on https and on this machine only; a desk may reach its server by plain http inside a closed network.
const newId = () => Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join("");

function concerns(incident) {
  if (state.selection?.kind === "incident") return state.selection.incident_id === incident.incident_id;
  return state.selection?.kind === "unit" && incident.assignments.some((one) => one.unit_id === state.selection.unit_id);
}

function selected(selection) {
  document.documentElement.classList.add("scene-waiting", "panel-waiting");
  document.getElementById("panel").classList.toggle("open", selection !== null);
  document.documentElement.classList.remove("more-open");
  setProps("selection", { data: selection });
  if (selection === null) drawScene(null);
  if (selection?.kind === "incident") focus();
}

// The page begins at what its address names, once the map has the style with its names: with it Plotly sets the camera anew.
function beginAt() {
  if (state.touchedAt > 0) return; // somebody has gone elsewhere meanwhile
  if (state.incidents.size) focus(true);
  else {
    let isFirst = true;
    on("incidents-replaced", () => {
      if (isFirst) focus(true);
      isFirst = false;
    });
  }
}

function focus(quickly = false) {
  const chosen = state.selection;
  const incident = chosen?.kind === "incident" ? state.incidents.get(chosen.incident_id) : null;
  if (incident && incident.lon !== null) moveCamera({ lon: incident.lon, lat: incident.lat, zoom: Math.max(14, basemap.map.getZoom()) }, quickly);
}

function clicked(info, event) {
  if (isWall()) return;
  const [lon, lat] = info.coordinate || [];
  if (!state.picking && circleClick(info)) return;
  if (state.picking) {
    const picked = state.picking;
    tell("picking", false);
    if (typeof picked === "function") picked({ lon, lat });
    else setProps(picked, { data: { lon, lat, address: "" } });
    return;
  }
  if (isSupposing()) return; // there things are dragged
  if (info.layer?.id === "units" && info.index >= 0) select({ kind: "unit", unit_id: unitAt(info.index).unit_id });
  else if (info.layer?.id === "incidents" || info.layer?.id === "scene-video") select({ kind: "incident", incident_id: info.object.incident_id });
  else if (info.layer?.id === "elements") {
    const stamp = info.object;
    if (stamp.count > 1) moveCamera({ lon: stamp.lon, lat: stamp.lat, zoom: basemap.map.getZoom() + 2 });
    else select({ kind: "element", element: stamp.element, id: stamp.feature.id, lon: stamp.lon, lat: stamp.lat, properties: stamp.feature.properties });
  } else if (event?.type === "click" && lon !== undefined) select({ kind: "point", lon, lat });
}

function picking(now) {
  state.picking = now;
  document.documentElement.classList.toggle("picking", Boolean(now));
}

// Rings and reached streets of the last scene, as GeoJSON from the server.
function drawScene(found) {
  tell("scene", found);
  const rings = [];
  const streets = [];
  for (const feature of found?.rings?.features || []) {
    const { type, coordinates } = feature.geometry;
    const minutes = feature.properties.minutes;
    if (type === "MultiPolygon") rings.push({ minutes, polygons: coordinates });
    else if (type === "Polygon") rings.push({ minutes, polygons: [coordinates] });
    else if (type === "MultiLineString") for (const path of coordinates) streets.push({ minutes, path });
  }
  rings.sort((a, b) => b.minutes - a.minutes);
  document.documentElement.classList.toggle("has-rings", rings.length > 0);
  showScene({ rings, streets, point: found?.point ?? null });
}

// What the desk shows goes to the walls with its pictures, when somebody asks for it; a wall that only follows a replay keeps its own.
function pushView({ withPictures }) {
  const pictures = withPictures && !state.replay;
  const view = { ...currentView(), ...(pictures ? openPictures() : {}) };
  const screens = pictures ? ["all", "map", "video"] : ["all", "map"];
  return screens.every((screen) => send({ type: "show", screen, view }));
}

function wire() {
  document.getElementById("theme-switch").addEventListener("click", async () => {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    document.cookie = `liandong_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
    await setStyle(theme, state.config.lang, magnified());
    await redrawAtlas();
  });
  document.getElementById("language-switch").addEventListener("click", () => {
    const query = new URLSearchParams(location.search);
    query.set("lang", state.config.lang === "zh" ? "en" : "zh");
    location.search = query.toString();
  });
  on("push-view", () => pushView({ withPictures: false }));
  document.getElementById("push-wall").addEventListener("click", () => {
    if (!state.config.pushesView) return; // its key is pressed all the same
    if (!pushView({ withPictures: true })) return toast({ kind: "bad", text: t("Not sent to the wall: there is no connection to the server.") });
    tell("view-pushed");
    toast({ kind: "good", text: t("The wall shows this view.") });
  });
  // A player's own ways to take a video away, or out of the page, leave behind what is laid over it.
  const plain = (event) => {
    event.target.controlsList?.add("nodownload", "nofullscreen", "noremoteplayback");
    event.target.disablePictureInPicture = true;
  };
  document.getElementById("panel").addEventListener("loadstart", plain, true);
  document.getElementById("panel").addEventListener("click", (event) => {
    if (event.target.closest(".more")) {
      document.documentElement.classList.toggle("more-open");
      sayWhetherMore();
    }
    pressed(event);
    const go = event.target.closest("[data-select]");
    if (go) select(JSON.parse(go.dataset.select));
    const look = event.target.closest("[data-lon]");
    if (look && !event.target.closest("button")) moveCamera({ lon: Number(look.dataset.lon), lat: Number(look.dataset.lat), zoom: Math.max(16, basemap.map.getZoom()) });
  });
  for (const holder of ["new-dialog", "pursuit"]) document.getElementById(holder).addEventListener("click", pressed);
  document.getElementById("panel-close").addEventListener("click", () => select(null));
  for (const form of ["new", "locate"]) {
    document.getElementById(`${form}-pick`).addEventListener("click", () => tell("picking", `${form}-point`));
  }
  document.getElementById("new-open").addEventListener("click", () => openForm());
  for (const form of ["new", "locate", "classify", "correct", "split"]) {
    document.getElementById(`${form}-cancel`).addEventListener("click", () => {
      tell("picking", false);
      setProps(`${form}-dialog`, { hidden: true });
    });
  }
  focusDialogs();
  document.getElementById("ask-cancel").addEventListener("click", () => setProps("ask", { hidden: true }));
}

// A button that stands for a command or an answer: the press goes to the store it names.
function pressed(event) {
  const button = event.target.closest("[data-press]");
  if (!button) return;
  const { to, ...press } = JSON.parse(button.dataset.press);
  const what = button.firstChild?.textContent ?? ""; // the label; its key, if any, comes after
  mindingClaims(press, what, () => setProps(to, { data: { ...press, n: ++presses } }));
}

// The panel is drawn anew whenever something happens; whether its fold is open is this page's to know.
function sayWhetherMore() {
  const isOpen = document.documentElement.classList.contains("more-open");
  for (const button of document.querySelectorAll("#panel .more")) button.setAttribute("aria-expanded", String(isOpen));
}

function toast({ kind, text }) {
  const holder = document.getElementById("toast");
  const note = document.createElement("div");
  note.className = `note ${kind}`;
  note.setAttribute("role", kind === "bad" ? "alert" : "status");
  note.textContent = text;
  holder.append(note);
  setTimeout(() => note.remove(), kind === "bad" ? 9_000 : 4_000);
}

// A dialog that appears takes the keys: the text to be written is in hand at once.
function focusDialogs() {
  for (const id of ["ask", "classify-dialog", "correct-dialog", "split-dialog"]) {
    const dialog = document.getElementById(id);
    new MutationObserver(() => {
      if (!dialog.hidden) focusSoon(() => dialog.querySelector("textarea"), 30);
    }).observe(dialog, { attributes: true, attributeFilter: ["hidden"] });
  }
}

function openForm() {
  setProps("new-key", { data: newId() });
  setProps("locate-dialog", { hidden: true }); // it would lie over this one
  setProps("new-dialog", { hidden: false });
  focusSoon(() => document.getElementById("new-type"), 60);
}
