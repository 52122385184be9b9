// A camera's pictures as a tile has them: asked for, shown, lost and asked for again. The next stream, be it of another camera, of
// the large picture or after a cut, begins in a second <video> behind the first and takes its place with its first picture,
// so that nothing flickers; the two elements are used for ever.
import { isChinese } from "../words.js";
import { play } from "./player.js";
import { grantedStream, Refused } from "./stream.js";

const FIRST_AGAIN_MS = 250;
const LONGEST_AGAIN_MS = 1_800; // with what opening takes: a picture within three seconds of the camera's return
const PATIENT_MS = 300_000; // a camera that has been away for so long is asked for less often
const PATIENT_AGAIN_MS = 10_000;
const OPEN_WITHIN_MS = 10_000; // a stream that shows nothing for so long is given up
const SILENT_MS = 12_000; // an open one as well
const CHANGE_WITHIN_MS = 5_000; // for another camera the earlier picture stays no longer

// What time alone does not cure soon.
const AGAIN_MS = { "at-limit": 10_000, "transcoding-at-limit": 15_000, "no-key-frame": 10_000, "no-address": 60_000, "bad-address": 60_000, "login-refused": 60_000, unplayable: 60_000, "not-permitted": 60_000, "unknown-camera": 60_000 };

export class Feed {
  // `changed` is called whenever `status()` says something else, but for ages.
  constructor(front, back, changed) {
    this.front = front;
    this.back = back;
    this.changed = changed;
    this.wanted = null; // {camera, quality}
    this.live = null; // what is on the screen: {camera, quality, video, player, state, isCut}
    this.attempt = null; // what is on its way: the same, and startedAt
    this.refusal = null; // why the last attempt failed
    this.askAt = Infinity; // performance.now() of the next attempt
    this.againMs = FIRST_AGAIN_MS;
    this.lostAt = 0; // since when there has been no picture
    this.wantedAt = 0;
  }

  // Show this camera ({id, …}) from now on.
  watch(camera, quality) {
    if (this.wanted?.camera.id === camera.id && this.wanted.quality === quality) return;
    this.wanted = { camera, quality };
    this.wantedAt = this.lostAt = performance.now();
    this.refusal = null;
    this.againMs = FIRST_AGAIN_MS;
    this.ask();
  }

  // No longer anything: nothing is kept.
  stop() {
    this.wanted = null;
    this.refusal = null;
    this.askAt = Infinity;
    this.abandon();
    this.dropLive();
    this.changed();
  }

  // Ask at once, whatever was refused before.
  again() {
    if (this.wanted) this.ask();
  }

  status(nowMs = performance.now()) {
    const { live, attempt, wanted } = this;
    const camera = live?.camera ?? wanted?.camera ?? null;
    const ageS = live ? live.player.ageS(nowMs) : NaN;
    let phase = "stopped";
    if (live) phase = live.isCut ? "cut" : "live";
    else if (this.refusal) phase = "refused";
    else if (wanted) phase = "opening";
    return { camera, phase, ageS, quality: live?.quality ?? wanted?.quality, reason: this.refusal?.reason ?? "", text: this.refusal?.text ?? "", state: live?.state ?? null, isTranscoded: live?.isTranscoded ?? false, isAsking: attempt !== null };
  }

  // Called a few times a second: only to notice what does not come.
  tick(nowMs) {
    const { attempt, live } = this;
    if (nowMs >= this.askAt) this.ask();
    if (attempt && nowMs - attempt.startedAt > OPEN_WITHIN_MS) this.failed(attempt, new Refused("no-picture"));
    if (live && !live.isCut && !this.attempt && live.player.ageS(nowMs) * 1000 > SILENT_MS) this.lost(live, new Refused("silent"));
    if (live && this.wanted && live.camera.id !== this.wanted.camera.id && nowMs - this.wantedAt > CHANGE_WITHIN_MS) {
      this.dropLive();
      this.changed();
    }
  }

  async ask() {
    this.abandon();
    this.askAt = Infinity;
    const attempt = { ...this.wanted, video: this.back, player: null, state: null, isCut: false, startedAt: performance.now(), aborter: new AbortController() };
    this.attempt = attempt;
    this.changed();
    try {
      const { url } = await grantedStream(attempt.camera.id, attempt.quality, attempt.aborter.signal);
      if (attempt === this.attempt) attempt.player = this.open(attempt, url);
    } catch (refusal) {
      if (attempt !== this.attempt) return;
      if (!(refusal instanceof Refused)) throw refusal;
      this.failed(attempt, refusal);
    }
  }

  open(attempt, url) {
    let refusal = null;
    return play(attempt.video, url, {
      begun: ({ transcoded }) => {
        attempt.isTranscoded = Boolean(transcoded);
        this.changed();
      },
      firstFrame: () => this.show(attempt),
      state: (state) => {
        attempt.state = state.state === "ok" ? null : state;
        this.changed();
      },
      refused: ({ refused, message_zh, message_en }) => {
        refusal = new Refused(refused, isChinese() ? message_zh : message_en);
      },
      unplayable: (mime) => {
        refusal = new Refused("unplayable", mime);
      },
      ended: ({ reason }) => {
        const why = refusal ?? new Refused(reason === "too-slow" ? reason : "cut");
        if (attempt === this.attempt) this.failed(attempt, why);
        else if (attempt === this.live) this.lost(attempt, why);
      },
    });
  }

  // The first picture of an attempt is there: it is the one that is shown.
  show(attempt) {
    if (attempt !== this.attempt) return;
    this.attempt = null;
    const before = this.live;
    [this.front, this.back] = [this.back, this.front];
    this.live = attempt;
    this.refusal = null;
    this.againMs = FIRST_AGAIN_MS;
    before?.player.close();
    this.changed();
  }

  // The stream on the screen has ended: its last picture stays, marked, until there is a new one.
  lost(live, why) {
    live.isCut = true;
    this.lostAt = performance.now();
    this.later(why);
  }

  failed(attempt, why) {
    this.abandon();
    this.later(why);
  }

  later(why) {
    this.refusal = why;
    const now = performance.now();
    const known = AGAIN_MS[why.reason];
    if (known === undefined) {
      const waitMs = now - this.lostAt > PATIENT_MS ? PATIENT_AGAIN_MS : this.againMs;
      this.askAt = now + waitMs * (0.75 + Math.random() / 4); // not every tile in the same instant
      this.againMs = Math.min(LONGEST_AGAIN_MS, this.againMs * 2);
    } else this.askAt = now + known;
    this.changed();
  }

  abandon() {
    const { attempt } = this;
    this.attempt = null;
    attempt?.aborter.abort();
    attempt?.player?.close();
  }

  dropLive() {
    this.live?.player.close();
    this.live = null;
  }
}
