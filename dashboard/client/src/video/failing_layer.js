// Since when cameras give no picture, written under their marks.
import { TextLayer } from "@deck.gl/layers";
import { FONT, magnified, rgb, theme, token } from "../draw.js";
import { serverNow, state } from "../state.js";
import { failingSince } from "./camera_marks.js";

export function failingLayer(stamps, zoom) {
  const failing = state.lettered && !state.replay ? failingSince(stamps, zoom, serverNow()) : [];
  return failing.length ? [words(failing)] : [];
}

function words(failing) {
  return new TextLayer({
    id: "cameras-failing",
    data: failing,
    characterSet: "auto",
    fontFamily: FONT,
    fontWeight: 600,
    getText: (one) => one.text,
    getPosition: (one) => [one.lon, one.lat],
    getSize: 11 * magnified(),
    getPixelOffset: [0, 25 * magnified()],
    getColor: rgb(token("bad")),
    background: true,
    backgroundPadding: [5, 2, 5, 2],
    backgroundBorderRadius: 3,
    getBackgroundColor: rgb(token("panel"), 225),
    updateTriggers: { getColor: theme(), getBackgroundColor: theme() },
    parameters: { depthCompare: "always" },
  });
}
