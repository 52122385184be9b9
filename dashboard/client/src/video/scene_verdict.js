// What the tile of a recording says of the picture it shows, in words. Old pictures are never shown as if they were of now.
import { clockText, duration, t } from "../words.js";

const OLD_S = 3; // a phone that records MP4 brings a second at a time

const unixS = (iso) => Date.parse(iso) / 1000;

// `one`: as the server told it last; `ageS`: of the picture on the screen, NaN where there is none; `playedS`: how far what has come is
// played back, NaN where it is not. Answers {isBad, head, todo, lag}.
export function sceneVerdictOf({ one, ageS, playedS, nowS }) {
  const lateS = nowS - unixS(one.last_at);
  if (Number.isFinite(playedS)) {
    const atS = unixS(one.began_at) + playedS;
    return { isBad: false, head: t("Recorded {time}, {age} ago", { time: clockText(atS), age: duration(nowS - atS) }), todo: "", lag: "" };
  }
  const said = (isBad, head, todo, oldS) => ({ isBad, head, todo, lag: Number.isFinite(ageS) ? t("{s} s", { s: oldS.toFixed(1) }) : "" });
  const seenS = one.delay_s + ageS;
  if (one.state === "waiting") return said(true, t("No picture for {age}", { age: duration(lateS) }), t("The phone keeps what it films and sends it when it can."), lateS);
  if (one.trouble) return said(false, "", t("It can't be watched live; it is kept, and can be fetched when it has ended."), seenS);
  if (one.state === "late") return said(Number.isFinite(ageS), t("Catching up: {age} late", { age: duration(lateS) }), "", lateS);
  if (ageS > OLD_S) return said(true, t("Picture {age} old", { age: duration(seenS) }), t("Trying again by itself."), seenS);
  return said(false, "", one.delay_s >= 1 ? t("This phone's picture comes about 1 s late.") : "", seenS);
}
