// A tile that looks back: what its camera showed from a moment on, at the pace it happened, out of the server's ring or from the
// camera's recorder. When one span has been played the next is asked for, until the present or the end of what was recorded is reached.
import { isoOf, serverNow } from "../state.js";
import { isChinese } from "../words.js";
import { play } from "./player.js";
import { reasonOf } from "./stream.js";

const SPAN_S = 300;
const AT_LIVE_S = 4; // nearer to the present than this there is nothing to look back at
const NEWS_S = 0.1; // of pictures there must be more than that beyond those that were shown
const CUT_SHORT_S = 2; // a stream that ends so long before its end broke off
const STREAM_AGAIN_MS = [1_000, 4_000, 15_000]; // while no picture comes; then somebody has to ask
const COPY_AGAIN_MS = [0];

export class Recorded {
  // `changed` is called when `text` (why it can't be played; empty while it can) or `isShown` has changed; `caughtUp` at the present.
  constructor(video, cameraId, { changed, caughtUp }) {
    Object.assign(this, { video, cameraId, changed, caughtUp, text: "", isShown: false, source: "", player: null });
    this.askedS = NaN; // the moment that was asked for last
    this.shownToS = NaN; // until when it has been shown: that it ends there is no failure
    this.startS = NaN;
    this.endS = NaN;
    this.asks = 0;
    this.tries = 0; // since the last picture
    this.timer = 0;
    this.aborter = new AbortController();
    video.onended = () => this.next();
    video.onplaying = () => this.shown();
    video.onerror = () => video.getAttribute("src") && !this.player && this.brokeOff(COPY_AGAIN_MS);
  }

  // Answers whether there is something to play.
  async from(atS) {
    const mine = ++this.asks;
    this.askedS = atS;
    const asked = { at: isoOf(atS), seconds: Math.max(1, Math.min(SPAN_S, serverNow() - atS)) };
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked), signal: this.aborter.signal };
    const answer = await fetch(`/api/v1/cameras/${encodeURIComponent(this.cameraId)}/recorded`, options).catch(() => null);
    const found = await answer?.json().catch(() => null);
    if (this.aborter.signal.aborted || mine !== this.asks) return false;
    if (!answer?.ok || !found) {
      const isEnd = Number.isFinite(this.shownToS) && found && reasonOf(answer.status, found) === "no-recorder";
      if (isEnd) this.caughtUp();
      else this.fail(wordsOf(found));
      return false;
    }
    const endS = Date.parse(found.end_at) / 1000;
    if (endS <= this.shownToS + NEWS_S) {
      this.caughtUp();
      return false;
    }
    this.startS = Date.parse(found.start_at) / 1000;
    this.endS = endS;
    this.source = found.time_source;
    if (found.kind === "mp4") {
      this.video.src = found.url;
      this.video.play().catch(() => {}); // a page that was just hidden may not; it is played when it is seen again
    } else this.stream(found.url);
    return true;
  }

  stream(url) {
    let refusal = "";
    this.player = play(this.video, url, {
      firstFrame: () => this.shown(),
      refused: (said) => (refusal = wordsOf(said) || said.refused),
      unplayable: (mime) => (refusal = mime),
      ended: ({ reason }) => {
        if (reason === "unplayable") this.fail(refusal);
        else if (!refusal && this.atS >= this.endS - CUT_SHORT_S) this.next();
        else this.brokeOff(STREAM_AGAIN_MS, refusal);
      },
    });
  }

  shown() {
    this.isShown = true;
    this.text = "";
    this.tries = 0;
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
    this.dropPlayer();
    if (serverNow() - this.endS < AT_LIVE_S || !Number.isFinite(this.endS)) this.caughtUp();
    else this.from((this.shownToS = this.endS));
  }

  // The pictures stopped before their end: a stream that was cut or refused, a copy that the server has no more. They are asked for again from
  // where they stopped, later each time.
  brokeOff(waitsMs, text = "") {
    const fromS = this.stop();
    this.isShown = false;
    if (this.tries === waitsMs.length) return this.fail(text);
    this.timer = setTimeout(() => this.from(fromS), waitsMs[this.tries]);
    this.tries += 1;
    this.text = text;
    this.changed();
  }

  // Somebody asks again.
  again() {
    const fromS = this.stop();
    this.tries = 0;
    this.text = "";
    this.changed();
    this.from(fromS);
  }

  // Answers from when on to go on.
  stop() {
    const { atS } = this;
    clearTimeout(this.timer);
    this.dropPlayer();
    if (Number.isFinite(atS)) this.askedS = this.shownToS = atS;
    return this.askedS;
  }

  // A player that is closed has emptied the <video>.
  dropPlayer() {
    if (!this.player) return;
    this.player.close();
    this.player = null;
    this.isShown = false;
  }

  fail(text) {
    this.text = text || "?";
    this.changed();
  }

  close() {
    this.aborter.abort();
    clearTimeout(this.timer);
    this.video.onended = this.video.onplaying = this.video.onerror = null;
    this.player?.close();
    this.video.removeAttribute("src");
    this.video.load();
  }
}

const wordsOf = (said) => (isChinese() ? said?.message_zh : said?.message_en) ?? said?.detail ?? "";
