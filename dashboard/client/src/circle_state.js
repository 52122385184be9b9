// What this page knows of duty circles, and what of it is drawn. Changed by the panel and by the mouse; the map hears of it.
import { state, tell } from "./state.js";

export const LAYER = "duty_circle"; // its switch stands in the address beside those of the elements

export const circles = {
  all: [], // as the server tells them: properties of its features
  chosen: null, // circle_id of the one whose sheet is open
  drill: null, // the newest answer about the chosen one
  draft: null, // the one that is being edited: {circle_id, …, tiers, at: index of the tier that is drawn, expected_version}
  mode: null, // what the next click on the map sets: "place", "gate", "camera", "draw", or null
  gate: -1, // which gate of the drawn tier that is
  line: [], // corners drawn so far
  cameraAt: new Map(), // id of a camera about the open circle → [lon, lat]
  active: null, // [polygon, ring, corner] that was touched last
  revision: 0, // raised whenever the map has to draw again
};

export function redrawCircles() {
  circles.revision += 1;
  tell("circles");
}

export const KEPT_CREW = "*"; // a crew that this account may not know of; sent back, it stays

export const isShown = () => state.on.has(LAYER);
export const chosenCircle = () => circles.all.find((one) => one.circle_id === circles.chosen) ?? null;
export const drawnTier = () => circles.draft?.tiers[circles.draft.at] ?? null;
export const corners = (polygons) => polygons.flatMap((polygon) => polygon.flatMap((ring) => ring.slice(0, -1)));
