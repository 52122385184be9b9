// A tile that looks back: what its camera showed from a moment on, at the pace it happened, out of the server's ring or from the
// camera's recorder. When one span has been played the next is asked for, until the present is reached.
import { isoOf, serverNow } from "../state.js";
import { isChinese } from "../words.js";
import { play } from "./player.js";

const SPAN_S = 300;
const AT_LIVE_S = 4; // nearer to the present than this there is nothing to look back at

export class Recorded {
  // `changed` is called when `text` (why it can't be played; empty while it can) or `isShown` has changed; `caughtUp` at the present.
  constructor(video, cameraId, { changed, caughtUp }) {
    Object.assign(this, { video, cameraId, changed, caughtUp, text: "", isShown: false, source: "", player: null });
    this.startS = NaN;
    this.endS = NaN;
    this.aborter = new AbortController();
    video.onended = () => this.next();
    video.onplaying = () => this.shown();
    video.onerror = () => video.getAttribute("src") && !this.player && this.fail("");
  }

  async from(atS) {
    const asked = { at: isoOf(atS), seconds: Math.max(1, Math.min(SPAN_S, serverNow() - atS)) };
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked), signal: this.aborter.signal };
    const answer = await fetch(`/api/v1/cameras/${encodeURIComponent(this.cameraId)}/recorded`, options).catch(() => null);
    if (this.aborter.signal.aborted) return false;
    const found = await answer?.json().catch(() => null);
    if (!answer?.ok || !found) {
      this.fail((isChinese() ? found?.message_zh : found?.message_en) ?? found?.detail ?? "");
      return false;
    }
    this.startS = Date.parse(found.start_at) / 1000;
    this.endS = Date.parse(found.end_at) / 1000;
    this.source = found.time_source;
    if (found.kind === "mp4") {
      this.video.src = found.url;
      this.video.play().catch(() => {}); // a page that was just hidden may not; it is played when it is seen again
    } else {
      this.player = play(this.video, found.url, { firstFrame: () => this.shown(), ended: () => this.next() });
    }
    return true;
  }

  shown() {
    this.isShown = true;
    this.changed();
  }

  // When the picture on the screen was taken, Unix seconds; NaN before there is one.
  get atS() {
    return this.isShown ? this.startS + this.video.currentTime : NaN;
  }

  // A few times a second: a recorder that has played its span may begin it anew.
  tick() {
    if (this.player && this.atS >= this.endS) this.next();
  }

  next() {
    const player = this.player;
    this.player = null;
    player?.close();
    if (serverNow() - this.endS < AT_LIVE_S || !Number.isFinite(this.endS)) this.caughtUp();
    else this.from(this.endS);
  }

  fail(text) {
    this.text = text || "?";
    this.changed();
  }

  close() {
    this.aborter.abort();
    this.video.onended = this.video.onplaying = this.video.onerror = null;
    this.player?.close();
    this.video.removeAttribute("src");
    this.video.load();
  }
}
