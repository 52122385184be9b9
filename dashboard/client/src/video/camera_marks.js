// How a camera does, as marks on the map: a tick, a cross in a triangle, a hollow dot, a stroke through it. Told by shape, coloured beside.
import { age, t } from "../words.js";
import { CAMERA } from "./camera.js";

export const MARKS_FROM_ZOOM = 14; // below, a stamp stands for many
const SINCE_FROM_ZOOM = 15.2;
const MOST_SINCE = 60; // words on the map

export const HEALTH = ["ok", "failing", "untried", "no_address"];

// Name of a stamp's picture in the atlas.
export function iconOf(stamp, zoom) {
  const health = stamp.element === CAMERA && stamp.count === 1 && zoom >= MARKS_FROM_ZOOM ? stamp.feature.properties.health : undefined;
  return HEALTH.includes(health) ? `element:${CAMERA}:${health}` : `element:${stamp.element}`;
}

// Since when failing cameras give no picture: [{lon, lat, text}].
export function failingSince(stamps, zoom, nowS) {
  if (zoom < SINCE_FROM_ZOOM) return [];
  const failing = stamps.filter((stamp) => stamp.element === CAMERA && stamp.count === 1 && stamp.feature.properties.health === "failing");
  return failing.slice(0, MOST_SINCE).map(({ lon, lat, feature }) => {
    const atS = feature.properties.last_picture_s;
    return { lon, lat, text: typeof atS === "number" ? t("no picture for {age}", { age: age(nowS - atS) }) : t("never a picture") };
  });
}

// The mark at the lower right of a badge whose middle is the origin and whose radius is 26.
export function drawMark(ctx, health, tokens) {
  if (health === "no_address") return strike(ctx, tokens);
  ctx.translate(17, 17);
  ctx.lineJoin = ctx.lineCap = "round";
  const isFailing = health === "failing";
  ctx.beginPath();
  if (isFailing) {
    ctx.moveTo(0, -15);
    ctx.lineTo(15, 12);
    ctx.lineTo(-15, 12);
    ctx.closePath();
  } else ctx.arc(0, 0, health === "ok" ? 12 : 8, 0, 2 * Math.PI);
  ctx.fillStyle = health === "untried" ? tokens.panel : tokens[isFailing ? "bad" : "good"];
  ctx.strokeStyle = health === "untried" ? tokens.muted : tokens.panel;
  ctx.lineWidth = health === "untried" ? 4 : 5;
  ctx.stroke();
  ctx.fill();
  ctx.strokeStyle = tokens.panel;
  ctx.lineWidth = 4;
  ctx.beginPath();
  if (health === "ok") {
    ctx.moveTo(-5, 0);
    ctx.lineTo(-1.5, 4);
    ctx.lineTo(5, -4);
  } else if (isFailing) {
    ctx.moveTo(0, -6);
    ctx.lineTo(0, 3);
    ctx.moveTo(0, 8);
    ctx.lineTo(0, 8.2);
  }
  ctx.stroke();
}

function strike(ctx, tokens) {
  ctx.lineCap = "round";
  for (const [colour, width] of [[tokens.raised, 9], [tokens.muted, 4]]) {
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.beginPath();
    ctx.moveTo(-17, 17);
    ctx.lineTo(17, -17);
    ctx.stroke();
  }
}
