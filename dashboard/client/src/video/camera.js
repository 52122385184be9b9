// Cameras as tiles know them: {id, name, name_en}, and where they stand and look, if that is known; made from what the map, the panel and
// the place search know of one.
import { isChinese } from "../words.js";

export const CAMERA = "street_camera";

export const cameraOf = (id, properties = {}, place = {}) => ({
  id,
  name: String(properties.name_zh || properties.name || ""),
  name_en: String(properties.name_en || ""),
  lon: place.lon,
  lat: place.lat,
  heading_deg: properties.heading_deg,
  fov_deg: properties.fov_deg,
  range_m: properties.range_m,
  turns: properties.turns,
});

// Of a selected element.
export const idOf = ({ id, properties }) => properties?.element_id ?? String(id).replace(`${CAMERA}/`, "");

// As other screens are told of one.
export const namedOnly = ({ id, name, name_en }) => ({ id, name, name_en });

export const nameOf = ({ id, name, name_en }) => (isChinese() ? name || name_en : name_en || name) || id;

// Of an incident's cameras, closest first, those whose pictures begin by themselves. Where none has an address, the nearest say so.
export function starting(cameras, most) {
  const able = cameras.filter((camera) => camera.has_pictures);
  return (able.length ? able : cameras).slice(0, most);
}
