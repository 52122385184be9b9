// Gaps of coverage on the map: areas hatched under everything that moves, asked for anew while they are on.
import { basemap } from "./basemap.js";
import { rgb, theme, token } from "./draw.js";
import { asOf, on, serverNow, state } from "./state.js";
import { age, t } from "./words.js";

export const GAPS = "gaps"; // among what is switched on, though it is no element of the catalogue
const MINUTES = 3;
const AGAIN_MS = 5_000;
const SOURCE = "coverage-gaps";
const NOTHING = { type: "FeatureCollection", features: [] };
const HATCH_PX = 12;

let supposed = null; // areas that are only supposed, in the place of those that are
let found = { at: NaN, areas: NOTHING, isKnown: true };
let askedAt = -Infinity;
let asking = false;
let laidFor = "";

export function startGaps() {
  on("switches", switched);
  on("coverage", () => isOn() && !supposed && isDue() && ask());
  on("replay-mode", () => isOn() && !supposed && ask());
  // Another theme is another style, and takes what was laid on the old one with it.
  basemap.map.on("styledata", () => isOn() && lay());
  setInterval(drawAge, 1_000);
  switched();
}

const isOn = () => supposed !== null || state.on.has(GAPS);
const isDue = () => performance.now() - askedAt >= AGAIN_MS || isOfAnotherMoment();

// The bar of time has jumped: what is drawn was so before, or after.
function isOfAnotherMoment() {
  return state.replay !== null && !asking && Math.abs(serverNow() - found.at) * 1_000 > AGAIN_MS;
}

// Draw these areas instead of the gaps there are, until `null`.
export function supposeGaps(areas) {
  const begins = supposed === null && areas !== null;
  const ends = supposed !== null && areas === null;
  supposed = areas;
  if (areas) {
    lay();
    show(areas);
  }
  if (begins || ends) switched();
  drawAge();
}

function switched() {
  document.documentElement.classList.toggle("has-gaps", isOn());
  if (supposed) return;
  if (isOn()) ask();
  else show(NOTHING);
}

async function ask() {
  if (document.hidden) return;
  askedAt = performance.now();
  const scope = state.config.desk ? `&scope=${state.config.desk}` : "";
  asking = true;
  const answer = await fetch(asOf(`/api/v1/coverage?minutes=${MINUTES}&gaps=${MINUTES}${scope}`)).catch(() => null);
  asking = false;
  if (!answer?.ok || !isOn() || supposed) return; // what is drawn says how old it is; it is asked for again
  const coverage = await answer.json();
  found = { at: Date.parse(coverage.picture_at) / 1000, areas: coverage.gaps ?? NOTHING, isKnown: coverage.gaps !== null };
  lay();
  show(found.areas);
  drawAge();
  if (state.replay?.playing === false && isOfAnotherMoment()) ask(); // it has jumped meanwhile, and nothing more is told while it stands
}

function show(areas) {
  basemap.map.getSource(SOURCE)?.setData(areas);
}

function lay() {
  const { map } = basemap;
  if (!map.isStyleLoaded() && !map.getSource(SOURCE)) {
    map.once("idle", () => isOn() && lay());
    return;
  }
  if (map.getSource(SOURCE) && laidFor === theme()) return;
  if (!map.getSource(SOURCE)) map.addSource(SOURCE, { type: "geojson", data: supposed ?? found.areas });
  const image = `${SOURCE}-${theme()}`;
  if (!map.hasImage(image)) map.addImage(image, hatch(), { pixelRatio: 2 });
  for (const layer of [SOURCE, `${SOURCE}-rim`]) if (map.getLayer(layer)) map.removeLayer(layer);
  map.addLayer({ id: SOURCE, type: "fill", source: SOURCE, paint: { "fill-pattern": image } });
  map.addLayer({ id: `${SOURCE}-rim`, type: "line", source: SOURCE, paint: { "line-color": token("warn"), "line-width": 1.2, "line-opacity": 0.6 } });
  laidFor = theme();
}

// Diagonal lines that go on from tile to tile.
function hatch() {
  const side = 2 * HATCH_PX;
  const canvas = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const pen = canvas.getContext("2d");
  const [red, green, blue] = rgb(token("warn"));
  pen.strokeStyle = `rgb(${red} ${green} ${blue} / ${theme() === "dark" ? 0.5 : 0.6})`;
  pen.lineWidth = 2;
  for (const shift of [-side, 0, side]) {
    pen.beginPath();
    pen.moveTo(shift - 2, side + 2);
    pen.lineTo(shift + side + 2, -2);
    pen.stroke();
  }
  return pen.getImageData(0, 0, side, side);
}

function drawAge() {
  const node = document.querySelector("[data-gaps-age]");
  const asked = Number.isFinite(found.at) && !supposed;
  const text = !asked ? "" : found.isKnown ? age(serverNow() - found.at) : t("not known: where units were then is not kept");
  if (node.textContent !== text) node.textContent = text;
}
