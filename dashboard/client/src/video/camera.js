// Cameras as tiles know them: {id, name, name_en}; made from what the map, the panel and the place search know of one.
import { isChinese } from "../words.js";

export const CAMERA = "street_camera";

export const cameraOf = (id, properties = {}) => ({ id, name: String(properties.name_zh || properties.name || ""), name_en: String(properties.name_en || "") });

export const nameOf = ({ id, name, name_en }) => (isChinese() ? name || name_en : name_en || name) || id;
