// Several clips in step on one clock: each shows what its camera or phone saw at the moment the clock stands at.
//
//   const playing = playInStep(holder, clock, { over: () => "operator · 2026-05-01 12:00:00", compact: false });
//   playing.show(clips);   // again whenever there are others; those that stay are not loaded anew
//   playing.follow();      // the clock was set by hand: do not wait for the next tenth of a second
//   playing.remove();
//
// holder  an element that is given one <figure class="video-tile in-step" data-clip="<id>"> a clip
// clips   [{ id, url, start_at, duration_s, label, time_source? }]
//           url          a file that answers ranges: MP4 or WebM with its length (`file` and `playback` of the clips' API)
//           start_at     when its first picture was taken: ISO 8601, or Unix seconds
//           duration_s   its length
//           label        what people call its camera or crew
//           time_source  "camera" | "arrival" | "phone": whose clock `start_at` is by; said in the caption when it is "arrival"
// over    () => what is laid over each picture, who watches and when: a photograph of the screen tells whose it was
// clock   () => ({ at, speed, playing }): Unix seconds, and how fast they pass; the detail of the window event `liandong-replay` has
//         the same shape, so that a page with the time bar hands on what it was told last (`replayClock` below)
//
// It asks the clock ten times a second: a clip whose picture is off by less than SEEK_OVER_S runs a little faster or slower until it is
// right, one that is further off jumps. Faster than FASTEST it jumps from still to still. Nothing runs while the page is hidden.
import { node } from "../nodes.js";
import { clockText, countdown, t } from "../words.js";

const TICK_MS = 100;
const SEEK_OVER_S = 0.5; // of clip time, at normal speed
const MOST_HURRY = 0.1; // of the speed: hardly to be seen, and it takes away half a second in five
const FASTEST = 8; // what browsers decode of a small picture
const STILL_EVERY_MS = 400; // faster than that
const SETTLED_S = 0.015;

// What to do with a clip so that it shows `target` (seconds from its beginning): pure, for tests.
// `is`: {at, speed, playing, seeking}, `length_s` its duration. Answers {place, seek?, rate?, play}.
export function stepOf(target, is, length_s) {
  if (target < 0) return { place: "before", play: false };
  if (target >= length_s) return { place: "after", play: false };
  const place = "inside";
  const off = target - is.at;
  if (!is.playing || is.speed > FASTEST) return { place, play: false, ...(Math.abs(off) > 0.02 && !is.seeking ? { seek: target } : {}) };
  if (is.seeking) return { place, play: true };
  if (Math.abs(off) > SEEK_OVER_S * Math.max(1, is.speed)) return { place, play: true, seek: target };
  const hurry = Math.abs(off) < SETTLED_S ? 0 : Math.sign(off) * Math.min(MOST_HURRY, Math.abs(off) / Math.max(1, is.speed));
  return { place, play: true, rate: is.speed * (1 + hurry) };
}

// Of more clips than can be shown those that are nearest to a moment (Unix seconds), in their order: those that run then first.
export function nearestTo(clips, at, most) {
  const offS = ({ start_at, duration_s }) => {
    const startS = startOf(start_at);
    return Math.max(0, startS - at, at - startS - duration_s);
  };
  const kept = new Set([...clips].sort((one, other) => offS(one) - offS(other)).slice(0, most));
  return clips.filter((clip) => kept.has(clip));
}

const startOf = (at) => (typeof at === "number" ? at : Date.parse(at) / 1000);

// The clock of a page with a time bar. Until the bar has spoken, and while it is live, it is the page's own.
export function replayClock(present = () => Date.now() / 1000) {
  let told = { at: null, speed: 1, playing: true };
  let toldMs = performance.now();
  const heard = ({ detail }) => {
    told = detail;
    toldMs = performance.now();
  };
  window.addEventListener("liandong-replay", heard);
  const clock = () => {
    if (told.at === null) return { at: present(), speed: 1, playing: true };
    const passed = told.playing ? ((performance.now() - toldMs) / 1000) * told.speed : 0;
    return { at: told.at + passed, speed: told.speed, playing: told.playing };
  };
  clock.stop = () => window.removeEventListener("liandong-replay", heard);
  return clock;
}

export function playInStep(holder, clock, { over, compact = false }) {
  const tiles = new Map(); // id → Clip
  const turn = () => {
    if (document.visibilityState !== "visible") return pause();
    const now = clock();
    const text = over();
    for (const tile of tiles.values()) {
      tile.step(now);
      put(tile.parts.watermark, text);
    }
  };
  const pause = () => {
    for (const tile of tiles.values()) tile.video.pause();
  };
  const ticking = setInterval(turn, TICK_MS);
  document.addEventListener("visibilitychange", turn);
  holder.classList.toggle("compact", compact);

  return {
    show(clips) {
      const wanted = new Set(clips.map((clip) => clip.id));
      for (const [id, tile] of tiles) {
        if (wanted.has(id)) continue;
        tile.remove();
        tiles.delete(id);
      }
      for (const clip of clips) {
        if (!tiles.has(clip.id)) tiles.set(clip.id, new Clip(clip));
        holder.append(tiles.get(clip.id).root); // in the order they were given
      }
      turn();
    },
    follow: turn,
    // How far each clip that plays is off its clock, seconds; for measurements and tests.
    offsets: () => [...tiles.values()].filter((tile) => tile.place === "inside").map((tile) => ({ id: tile.clip.id, off_s: tile.off(clock()) })),
    remove() {
      clearInterval(ticking);
      document.removeEventListener("visibilitychange", turn);
      for (const tile of tiles.values()) tile.remove();
      tiles.clear();
    },
  };
}

class Clip {
  constructor(clip) {
    this.clip = clip;
    this.startS = startOf(clip.start_at);
    this.place = "";
    this.stillAt = 0;
    this.root = node("figure", "video-tile in-step");
    this.root.dataset.clip = clip.id;
    this.video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto", disablePictureInPicture: true, src: clip.url });
    this.video.onerror = () => this.say("broken", t("This clip can't be played here."));
    this.parts = { watermark: node("div", "watermark"), verdict: node("div", "verdict"), badge: node("span", "recorded-badge", t("Recorded")), name: node("span", "name", clip.label), stamp: node("span", "stamp") };
    const caption = node("figcaption", "");
    caption.append(this.parts.badge, this.parts.name, this.parts.stamp);
    this.root.append(this.video, this.parts.watermark, this.parts.verdict, caption);
    this.root.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  off({ at }) {
    return at - this.startS - this.video.currentTime;
  }

  step({ at, speed, playing }) {
    const { video } = this;
    if (video.error) return;
    const target = at - this.startS;
    // What a file really holds counts, once it is known: its last picture may end a little before or after what was said.
    const length = Number.isFinite(video.duration) ? video.duration : this.clip.duration_s;
    const todo = stepOf(target, { at: video.currentTime, speed, playing, seeking: video.seeking }, length);
    if (todo.seek !== undefined && this.maySeek(playing && speed > FASTEST)) video.currentTime = todo.seek;
    if (todo.rate !== undefined) video.playbackRate = todo.rate;
    if (todo.play && video.paused) video.play().catch(() => {}); // refused while the page is just being hidden; asked again
    if (!todo.play && !video.paused) video.pause();
    this.tell(todo.place, at);
  }

  maySeek(isFast) {
    if (this.video.readyState < 1) return false;
    const now = performance.now();
    if (isFast && now < this.stillAt) return false;
    this.stillAt = now + STILL_EVERY_MS;
    return true;
  }

  tell(place, at) {
    const { clip, startS } = this;
    if (place === "before") this.say(place, t("Begins in {time}", { time: countdown(startS - at) }));
    else if (place === "after") this.say(place, t("Ended at {time}", { time: clockText(startS + clip.duration_s) }));
    else this.say(place, "");
    const arrival = clip.time_source === "arrival" ? ` · ${t("time of arrival")}` : "";
    const shown = place === "inside" ? clockText(startS + this.video.currentTime) : "";
    put(this.parts.stamp, `${shown}${shown ? arrival : ""}`);
  }

  say(place, text) {
    this.place = place;
    this.root.dataset.place = place;
    this.root.classList.toggle("has-picture", place === "inside");
    this.video.classList.toggle("front", place === "inside");
    put(this.parts.verdict, text);
  }

  remove() {
    this.video.onerror = null;
    this.video.removeAttribute("src");
    this.video.load();
    this.root.remove();
  }
}

function put(holder, text) {
  if (holder.textContent !== text) holder.textContent = text;
}
