// What a camera sees, as a shape on the ground: pure. Nothing is drawn that is not known: without a registered heading there is no shape,
// without a registered angle, or zoomed in, only a line; without a registered range its outer edge stays open.
const METRES_PER_DEGREE = 111_195;
const STEP_DEG = 6; // of the arc
export const OPEN_PX = 58; // how long it is drawn where the range is not registered

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

// `camera`: {lon, lat, heading_deg, fov_deg, range_m, turns}; `direction`: what it tells of itself now, if anything ({heading_deg,
// is_zoomed}). Returns null, or {area: ring | null, lines: [path], isAtRest}: at rest is where it looks unless somebody has turned it.
export function coneOf(camera, direction, metresPerPixel, isPast = false) {
  const isTold = isNumber(direction?.heading_deg);
  const headingDeg = isTold ? direction.heading_deg : camera.heading_deg;
  if (!isNumber(headingDeg) || !isNumber(camera.lon) || !isNumber(camera.lat)) return null;
  const isAtRest = !isTold && (Boolean(camera.turns) || isPast);
  const hasRange = isNumber(camera.range_m);
  const lengthM = hasRange ? camera.range_m : OPEN_PX * metresPerPixel;
  const fovDeg = direction?.is_zoomed || !isNumber(camera.fov_deg) ? 0 : Math.min(360, Math.max(0, camera.fov_deg));
  const centre = [camera.lon, camera.lat];
  if (fovDeg === 0) return { area: null, lines: [[centre, away(centre, headingDeg, lengthM)]], isAtRest };
  const arc = arcOf(centre, headingDeg - fovDeg / 2, fovDeg, lengthM);
  if (fovDeg === 360) return { area: arc, lines: hasRange ? [arc] : [], isAtRest };
  const sides = [[centre, arc[0]], [centre, arc.at(-1)]];
  return { area: [centre, ...arc, centre], lines: hasRange ? [[centre, ...arc, centre]] : sides, isAtRest };
}

function arcOf(centre, fromDeg, spanDeg, lengthM) {
  const steps = Math.max(1, Math.ceil(spanDeg / STEP_DEG));
  return Array.from({ length: steps + 1 }, (_, k) => away(centre, fromDeg + (spanDeg * k) / steps, lengthM));
}

// The point so far from another in a direction, clockwise from north.
function away([lon, lat], bearingDeg, metres) {
  const bearing = (bearingDeg * Math.PI) / 180;
  const north = (metres * Math.cos(bearing)) / METRES_PER_DEGREE;
  const east = (metres * Math.sin(bearing)) / (METRES_PER_DEGREE * Math.cos((lat * Math.PI) / 180));
  return [lon + east, lat + north];
}
