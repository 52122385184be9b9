// What a pad says, in words.
import { clockText, t } from "../words.js";

// Why this camera is not turned from here.
export function whyNot({ why, org_name }) {
  switch (why) {
    case "camera-fixed":
      return t("This camera stands still: no control address is registered for it.");
    case "not-permitted":
      return t("Your role may not turn cameras.");
    case "outside-scope":
      return t("This camera belongs to {org}: it is turned from there.", { org: org_name });
    default:
      return t("Whether this camera can be turned is not known: the server doesn't answer.");
  }
}

// Who has it at an instant (Unix seconds), by what the server told last; null: nobody any more.
export const holderAt = (holder, atS) => (holder && Date.parse(holder.until) / 1000 > atS ? holder : null);

// Who has it to himself.
export function holderText(holder) {
  if (!holder) return t("Free: whoever turns it has it for half a minute.");
  const until = clockText(Date.parse(holder.until) / 1000);
  return holder.own ? t("Yours until {time}", { time: until }) : t("{name} · {org} has it until {time}", { name: holder.name, org: holder.org_name, time: until });
}

// What the camera, or the server, did not do. Its own words follow where they say more.
export function notDoneText({ rule, detail }) {
  switch (rule) {
    case "camera-held":
      return t("Somebody else has it. Ask there, or take it over.");
    case "camera-timeout":
    case "camera-unreachable":
      return t("The camera's control doesn't answer. The picture goes on.");
    case "camera-not-authorised":
      return t("The camera's control refuses the password. Ask an administrator to correct it.");
    case "camera-heading-unknown":
      return t("Where it looks at rest is not registered: turn it by hand.");
    case "camera-out-of-reach":
      return t("It does not turn so far round.");
    case "camera-no-position":
      return t("It doesn't tell how high it looks, and its height is not registered: turn it by hand.");
    case "not-audited":
      return t("It can't be written down who turns it now, so it is not turned.");
    case "no-server":
      return t("The server doesn't answer");
    default:
      return t("The camera did not do it: {why}", { why: detail || rule });
  }
}

// Where it looks: told by itself, else not said.
export function directionText(direction) {
  if (typeof direction?.heading_deg !== "number") return direction === null ? "" : t("It doesn't tell where it looks now.");
  const heading = t("Looks {deg}° {side}", { deg: Math.round(direction.heading_deg) % 360, side: sideOf(direction.heading_deg) });
  return direction.is_zoomed ? `${heading} · ${t("zoomed in")}` : heading;
}

function sideOf(headingDeg) {
  const sides = [t("north"), t("north-east"), t("east"), t("south-east"), t("south"), t("south-west"), t("west"), t("north-west")];
  return sides[Math.round(headingDeg / 45) % 8];
}
