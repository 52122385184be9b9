// What a tile says about its picture, in words, with what to do. A picture that can't be trusted is never shown without it.
import { clockText, duration, t } from "../words.js";

export const OLD_S = 2; // an older picture is marked

// When the picture on the screen was taken, by the camera's clock where it comes late by that, Unix seconds; NaN where there is no live one.
export function takenAtS({ phase, state, ageS }, nowS) {
  if (phase !== "live") return NaN;
  const isLate = state?.state === "late" && ageS <= OLD_S; // an older one is late because nothing follows it
  return nowS - ageS - (isLate ? state.late_s : 0);
}

// Of a feed's `status()`: {level, head, todo}. Levels: "good" (nothing to say), "wait" (no picture yet), "bad" (there is a picture that
// must not be trusted, or none can be had). `head` may change each second.
export function verdictOf(status) {
  const { phase, reason, state, ageS } = status;
  if (phase === "stopped") return { level: "good", head: "", todo: "" };
  if (phase === "refused") return { level: "bad", ...refusalText(status) };
  if (phase === "opening") return { level: "wait", head: t("Opening…"), todo: "" };
  if (phase === "cut") return { level: "bad", head: `${t("Picture {age} old", { age: duration(ageS) })} · ${refusalText(status).head}`, todo: t("Nothing of what you see is live. Trying again by itself.") };
  if (ageS > OLD_S) return { level: "bad", head: t("Picture {age} old", { age: duration(ageS) }), todo: t("Nothing new comes from this camera. Trying again by itself.") };
  if (state) return { level: "bad", ...detected(state) };
  return { level: "good", head: "", todo: "", reason };
}

function detected({ state, since, late_s }) {
  const at = since ? clockText(Date.parse(since) / 1000) : "";
  switch (state) {
    case "frozen":
      return { head: at ? t("Frozen since {time}", { time: at }) : t("Frozen"), todo: t("The camera sends the same picture again and again. Look at another one, and have it repaired.") };
    case "black":
      return { head: at ? t("Black since {time}", { time: at }) : t("Black"), todo: t("The lens is covered, or there is no light. Look at another one.") };
    case "late":
      return { head: t("Late by {age}", { age: duration(late_s) }), todo: t("What you see happened that long ago.") };
    default:
      return { head: t("Not reliable: {what}", { what: state }), todo: t("Look at another camera.") };
  }
}

// Why there is no picture.
function refusalText({ reason, text }) {
  switch (reason) {
    case "no-address":
      return { head: t("No stream is registered"), todo: t("The place of this camera is known, its address is not. Ask an administrator to enter it.") };
    case "bad-address":
      return { head: t("The camera's address is wrong"), todo: t("Ask an administrator to correct it.") };
    case "login-refused":
      return { head: t("The camera refuses the password"), todo: t("Ask an administrator to correct it.") };
    case "starting":
      return { head: t("The video process is starting"), todo: t("Trying again by itself.") };
    case "at-limit":
      return { head: t("The server carries no more pictures"), todo: t("Close one that is not needed. Stills are shown meanwhile.") };
    case "transcoding-at-limit":
      return { head: t("No more pictures can be converted"), todo: t("Browsers can't play what this camera sends. Close another converted one.") };
    case "no-key-frame":
      return { head: t("No beginning of a picture comes"), todo: t("The camera sends no key frames. Have its settings corrected.") };
    case "unplayable":
      return { head: t("This browser can't play it"), todo: t("The camera's format: {what}. Have it send H.264.", { what: text || "?" }) };
    case "not-permitted":
      return { head: t("Not for this account"), todo: text || t("Your role may not watch this camera.") };
    case "unknown-camera":
      return { head: t("There is no such camera"), todo: t("It may have been taken out of the register.") };
    case "no-server":
      return { head: t("The server doesn't answer"), todo: t("Trying again by itself.") };
    case "too-slow":
      return { head: t("This computer is too slow for so many pictures"), todo: t("Close one that is not needed.") };
    case "cut":
    case "silent":
      return { head: t("Connection to the camera lost"), todo: t("Trying again by itself.") };
    case "unreachable":
    case "no-picture":
      return { head: t("The camera doesn't answer"), todo: t("Trying again by itself. Look at another one meanwhile.") };
    default:
      return { head: t("No picture: {why}", { why: text || reason }), todo: t("Trying again by itself.") };
  }
}
