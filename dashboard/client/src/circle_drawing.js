// A duty circle under the mouse: its corners are moved, made and taken out, its place, gates and cameras are clicked.
import { basemap } from "./basemap.js";
import { circles, drawnTier, redrawCircles } from "./circle_state.js";

const REACH_PX = 11; // a corner is caught from so far
const DECIMALS = 6;

let dragged = null; // [polygon, ring, corner] under the pressed mouse
let changed = () => {}; // told after every change of the draft

export function startDrawing(onChange) {
  changed = onChange;
  const { map } = basemap;
  map.on("mousedown", take);
  map.on("mousemove", drag);
  addEventListener("mouseup", drop); // also over the panel
  map.on("contextmenu", (event) => {
    const corner = cornerNear(event.point);
    if (corner) removeCorner(corner);
  });
  map.on("dblclick", (event) => circles.draft && event.preventDefault()); // two corners quickly one after the other are no zoom
}

const rounded = ({ lng, lat }) => [Number(lng.toFixed(DECIMALS)), Number(lat.toFixed(DECIMALS))];
const pixels = (point, [lon, lat]) => {
  const there = basemap.map.project([lon, lat]);
  return Math.hypot(there.x - point.x, there.y - point.y);
};

function nearest(point, ofRing) {
  let best = null;
  let bestPx = REACH_PX;
  (drawnTier()?.area ?? []).forEach((polygon, p) =>
    polygon.forEach((ring, r) =>
      ofRing(ring).forEach((place, k) => {
        const away = pixels(point, place);
        if (away < bestPx) [best, bestPx] = [[p, r, k], away];
      }),
    ),
  );
  return best;
}

const cornerNear = (point) => (circles.draft && circles.mode === null ? nearest(point, (ring) => ring.slice(0, -1)) : null);
const middleNear = (point) => nearest(point, (ring) => ring.slice(1).map((to, k) => [(to[0] + ring[k][0]) / 2, (to[1] + ring[k][1]) / 2]));

function take(event) {
  if (!circles.draft || circles.mode !== null || event.originalEvent.button !== 0) return;
  dragged = cornerNear(event.point);
  if (!dragged) {
    const middle = middleNear(event.point);
    if (!middle) return;
    const [p, r, k] = middle;
    drawnTier().area[p][r].splice(k + 1, 0, rounded(event.lngLat));
    dragged = [p, r, k + 1];
  }
  circles.active = dragged;
  event.preventDefault(); // the map stays
  redrawCircles();
}

function drag(event) {
  if (!dragged) return;
  const [p, r, k] = dragged;
  const ring = drawnTier().area[p][r];
  ring[k] = rounded(event.lngLat);
  if (k === 0) ring[ring.length - 1] = ring[k];
  redrawCircles();
}

function drop() {
  if (!dragged) return;
  dragged = null;
  changed();
}

export function removeCorner([p, r, k]) {
  const { area } = drawnTier();
  const ring = area[p][r];
  if (ring.length > 4) {
    ring.splice(k, 1);
    if (k === 0) ring[ring.length - 1] = ring[0];
  } else if (r > 0) area[p].splice(r, 1);
  else area.splice(p, 1); // a triangle without a corner is no area any more
  circles.active = null;
  changed();
  redrawCircles();
}

// A corner of the line that is being drawn; clicked on its first one the line is an area.
export function addCorner(lon, lat) {
  const first = circles.line[0];
  if (circles.line.length > 2 && pixels(basemap.map.project([lon, lat]), first) < REACH_PX) return finishLine();
  circles.line.push(rounded({ lng: lon, lat }));
  redrawCircles();
}

export function finishLine() {
  if (circles.line.length > 2) drawnTier().area.push([[...circles.line, circles.line[0]]]);
  circles.line = [];
  circles.mode = null;
  changed();
  redrawCircles();
}
