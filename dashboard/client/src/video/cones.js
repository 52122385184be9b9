// Where cameras look, on the map: of the selected one, of those whose picture is open, of the nearest ones of an incident. Whole lines and
// a filled area are where it looks; dashes without one are where a camera that turns looks at rest.
import { PathLayer, SolidPolygonLayer } from "@deck.gl/layers";
import { basemap, metresPerPixel } from "../basemap.js";
import { magnified, rgb, theme, token } from "../draw.js";
import { dashes } from "../escape.js";
import { drawBy } from "../overlay.js";
import { on, state } from "../state.js";
import { CAMERA, cameraOf, idOf } from "./camera.js";
import { coneOf } from "./cone_shape.js";
import { directionOf, wantDirections } from "./directions.js";

const FROM_ZOOM = 14;
const NEAREST = 8; // of an incident
const LAYER = "camera-cones";

let nearest = [];
let open = [];

export function startCones() {
  on("scene", (found) => {
    nearest = (found?.cameras ?? []).slice(0, NEAREST);
    draw();
  });
  on("tiles", (cameras) => {
    open = cameras;
    draw();
  });
  for (const topic of ["selection", "zoom", "direction", "replay-mode", "switches"]) on(topic, draw);
}

function draw() {
  const cameras = basemap.map.getZoom() < FROM_ZOOM ? [] : drawn();
  wantDirections(cameras.filter((one) => one.turns).map((one) => one.id));
  drawBy(LAYER, cameras.length ? () => ({ below: coneLayers(cameras), above: [], alone: false }) : null);
}

// The selected one last, over the others.
function drawn() {
  const chosen = selectedCamera();
  const all = [...nearest, ...open, ...(chosen ? [chosen] : [])].filter((one) => Number.isFinite(one.lon));
  return [...new Map(all.map((one) => [one.id, { ...one, isChosen: one.id === chosen?.id }])).values()];
}

function selectedCamera() {
  const chosen = state.selection;
  return chosen?.kind === "element" && chosen.element === CAMERA ? cameraOf(idOf(chosen), chosen.properties, chosen) : null;
}

function coneLayers(cameras) {
  const perPixel = metresPerPixel() * magnified();
  const cones = cameras.map((one) => ({ ...coneOf(one, directionOf(one.id), perPixel, state.replay !== null), isChosen: one.isChosen })).filter((cone) => cone.lines);
  const colour = (alpha) => rgb(token("accent"), alpha);
  const lines = cones.flatMap((cone) => (cone.isAtRest ? cone.lines.flatMap(dashes) : cone.lines).map((path) => ({ path, isChosen: cone.isChosen })));
  const always = { parameters: { depthCompare: "always" } };
  return [
    new SolidPolygonLayer({
      id: `${LAYER}-areas`, data: cones.filter((cone) => cone.area && !cone.isAtRest), getPolygon: (cone) => cone.area,
      getFillColor: (cone) => colour(cone.isChosen ? 70 : 34), updateTriggers: { getFillColor: theme() }, ...always,
    }),
    new PathLayer({
      id: `${LAYER}-lines`, data: lines, getPath: (line) => line.path, getColor: (line) => colour(line.isChosen ? 255 : 150), getWidth: (line) => (line.isChosen ? 2.2 : 1.4) * magnified(),
      widthUnits: "pixels", updateTriggers: { getColor: theme() }, ...always,
    }),
  ];
}
