// The MapLibre map that plotly made. Its field is private: it is named here and nowhere else, and checked when the page starts.
import { MapboxOverlay } from "@deck.gl/mapbox";
import { state, tell } from "./state.js";

const FIT_AFTER_MS = 500; // Plotly, told of a change by Dash, needs a fifth of a second
const USER_MOVES = ["dragstart", "wheel", "touchstart", "dblclick", "keydown"];

export const basemap = { map: null, overlay: null, graph: null };

function privateMap(graph) {
  return graph._fullLayout?.map?._subplot?.map;
}

// Resolves when plotly's map is there. Plotly draws its graph once the layout is known, so this is asked for now and then.
export function findMap() {
  addEventListener("unhandledrejection", forgiveMissingTile);
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const look = () => {
      const graph = document.querySelector("#map .js-plotly-plot");
      const map = graph && privateMap(graph);
      // Before its style is there, plotly refuses to move the camera.
      if (map && map.isStyleLoaded()) return resolve(attach(graph, map));
      if (performance.now() - startedAt > 60_000) return reject(new Error("plotly drew no map within 60 s: is another plotly.js loaded?"));
      return setTimeout(look, 30);
    };
    look();
  });
}

// Plotly rejects its own promises when a tile does not come, also when the page is left while tiles are on their way. Nobody waits for
// these promises, and a missing tile is no error here.
function forgiveMissingTile(event) {
  if ((event.reason?.message ?? event.reason) === "Map error.") event.preventDefault();
}

function attach(graph, map) {
  basemap.graph = graph;
  basemap.map = map;
  map.on("error", () => {});
  map.getCanvas().setAttribute("aria-label", "map");
  for (const name of USER_MOVES)
    map.on(name, (event) => {
      if (event.originalEvent || name === "wheel") state.touchedAt = performance.now();
    });
  map.on("moveend", () => {
    noteCamera();
    tell("camera");
  });
  map.on("zoomend", () => tell("zoom"));
  const overlay = new MapboxOverlay({
    interleaved: false,
    layers: [],
    pickingRadius: 6,
    animationFrameProvider: whenAsked,
    onLoad: () => {
      drawSoon();
      overlay.getCanvas().addEventListener("webglcontextlost", () => missing(new Error("the graphics processor forgot what is drawn over the map")));
    },
    onError: missing,
    // Only where it says something: deck.gl measures its canvas anew, and the page's layout with it, whenever this is set.
    ...(devicePixelRatio > 2 ? { useDevicePixels: 2 } : {}),
  });
  map.addControl(overlay);
  for (const name of ["mousemove", "mouseout"]) map.on(name, drawSoon); // what lies under the pointer is found while drawing
  basemap.overlay = overlay;
  keepFitting(graph);
  map.keyboard.disable(); // arrow keys belong to the queue
  map.dragRotate.disable();
  map.touchZoomRotate.disableRotation();
  return basemap;
}

// Plotly fits its map into the page when the page changes; but while a style is on its way it gives that up and nobody hears of it: the
// map would lie over what is below it.
function keepFitting(graph) {
  let pending = 0;
  const later = () => {
    clearTimeout(pending);
    pending = setTimeout(look, FIT_AFTER_MS);
  };
  const look = () => {
    if (fits(graph)) return;
    drawn()
      .then(() => window.Plotly.Plots.resize(graph))
      .catch((error) => console.warn(error))
      .then(later);
  };
  new ResizeObserver(later).observe(graph);
}

function fits(graph) {
  const { width, height } = graph.getBoundingClientRect();
  const plot = graph.querySelector(".svg-container").getBoundingClientRect();
  return !width || !height || (Math.abs(plot.width - width) < 1 && Math.abs(plot.height - height) < 1);
}

// deck.gl asks for every animation frame, to look whether there is something to draw. A desk with units on it draws a few times a
// second: in between its main thread has rest. So deck.gl's question is kept until there is something.
let waiting = null;
let soon = 0;
const whenAsked = {
  requestAnimationFrame: (draw) => {
    waiting = draw;
    return 1;
  },
  cancelAnimationFrame: () => {
    waiting = null;
  },
};

// Draw the overlay, within an animation frame.
export function drawOverlay(nowMs) {
  const draw = waiting;
  waiting = null;
  draw?.(nowMs);
}

function drawSoon() {
  soon ||= requestAnimationFrame((nowMs) => {
    soon = 0;
    drawOverlay(nowMs);
  });
}

// From now on something lacks on the map that should be there, until the page is loaded again.
function missing(error) {
  reportError(error);
  if (state.undrawn) return;
  state.undrawn = true;
  tell("undrawn");
}

export function camera() {
  const centre = basemap.map.getCenter();
  return { lon: centre.lng, lat: centre.lat, zoom: basemap.map.getZoom() };
}

// Plotly writes its layout's camera back at every update (a resize, another theme). It notes moves of a person itself; of our own
// it is told by writing its layout. `Plotly.relayout` would do it too, but redraws for a quarter of a second and stops a move
// that has begun meanwhile.
function noteCamera() {
  const { lon, lat, zoom } = camera();
  const subplot = basemap.graph._fullLayout.map;
  for (const layout of [subplot, subplot._input]) {
    layout.center = { lon, lat };
    layout.zoom = zoom;
  }
}

export function moveCamera({ lon, lat, zoom }, quickly = false) {
  const map = basemap.map;
  const target = { center: [lon, lat], zoom: zoom ?? map.getZoom(), padding: padding() };
  if (quickly) map.jumpTo(target);
  else map.easeTo({ ...target, duration: 500 });
}

// The panel lies over the map's right edge, pictures of cameras over its foot: what is looked at is centred in what remains visible.
function padding() {
  const panel = document.getElementById("panel");
  const open = panel && panel.classList.contains("open");
  const pictures = document.querySelector(".video-dock");
  return { left: 0, top: 0, bottom: pictures?.offsetHeight ?? 0, right: open ? panel.offsetWidth : 0 };
}

// The base map of a theme; on a wall with larger type and wider streets. Without names until the page has its fonts.
export async function setStyle(theme, lang, scale) {
  const url = `/style.json?theme=${theme}&lang=${lang}${state.lettered ? "" : "&labels=0"}${scale > 1 ? `&scale=${scale.toFixed(2)}` : ""}`;
  await drawn();
  return window.Plotly.relayout(basemap.graph, { "map.style": url }).catch(() => {});
}

// Plotly adds its traces to a style as soon as it hears of one, and throws where another takes its place before it is drawn.
function drawn() {
  return basemap.map.loaded() ? Promise.resolve() : new Promise((resolve) => basemap.map.once("idle", resolve));
}

// Metres one screen pixel stands for at the map's centre.
export function metresPerPixel() {
  const { lat, zoom } = camera();
  return (40_075_016.7 * Math.cos((lat * Math.PI) / 180)) / (512 * 2 ** zoom);
}
