// One picture on the screen: two <video>, a still until the first picture, and over them who watches, when, and whether it can be
// trusted. The nodes are made once and used for one camera after another.
import { button, node } from "../nodes.js";
import { serverNow, state } from "../state.js";
import { clockText, dateTimeText, duration, t } from "../words.js";
import { nameOf } from "./camera.js";
import { Feed } from "./feed.js";
import { Recorded } from "./recorded.js";
import { stillOf } from "./stream.js";
import { takenAtS, verdictOf } from "./verdict.js";

const STILL_AFTER_MS = 150; // a stream that is open already has its first picture sooner
const STILL_AGAIN_MS = 10_000; // while there is no stream

export class Tile {
  // `tools`: buttons of its owner, put over the picture; `changed` is told when the verdict's level changes.
  constructor({ tools = [], changed = () => {} } = {}) {
    this.camera = null; // the wanted one
    this.quality = "sub";
    this.still = null; // {url, takenAt, cameraId} while no stream is shown
    this.stillAt = Infinity; // performance.now() of the next one, where there is no stream
    this.stillAborter = null;
    this.level = "";
    this.recorded = null; // while it looks back
    this.changed = changed;
    this.build(tools);
    this.feed = new Feed(this.videos[0], this.videos[1], () => this.draw());
  }

  build(tools) {
    this.root = node("figure", "video-tile empty");
    this.videos = [0, 1].map(() => Object.assign(document.createElement("video"), { muted: true, playsInline: true, autoplay: true, disablePictureInPicture: true, tabIndex: -1 }));
    this.past = Object.assign(document.createElement("video"), { className: "past", muted: true, playsInline: true, disablePictureInPicture: true, tabIndex: -1 });
    this.image = Object.assign(document.createElement("img"), { alt: "", hidden: true });
    this.parts = { watermark: node("div", "watermark"), name: node("span", "name"), lag: node("span", "lag"), converted: node("span", "converted", t("converted")), stamp: node("span", "stamp"), head: node("b", ""), todo: node("span", "") };
    this.parts.converted.hidden = true;
    this.parts.converted.title = t("The server converts what this camera sends: smaller, and a little later");
    const verdict = node("div", "verdict");
    verdict.setAttribute("role", "status");
    verdict.append(this.parts.head, this.parts.todo);
    const caption = node("figcaption", "");
    caption.append(this.parts.name, this.parts.converted, this.parts.lag, this.parts.stamp);
    const toolbar = node("div", "tools");
    toolbar.append(...tools);
    this.root.append(...this.videos, this.past, this.image, this.parts.watermark, verdict, caption, toolbar);
    this.root.addEventListener("contextmenu", (event) => event.preventDefault()); // no saving of pictures past the export, which is recorded
  }

  // Show this camera from now on; null: nothing.
  show(camera, quality = "sub") {
    if (camera?.id !== this.camera?.id) {
      this.dropStill();
      this.endLookBack();
    }
    this.camera = camera;
    this.quality = quality;
    if (!camera) this.feed.stop();
    else if (isSeen() && !this.recorded) this.pull();
    this.draw();
  }

  // Show what the camera showed from a moment (Unix seconds) on, or from `orS` on where nothing of the first is kept.
  async lookBack(atS, orS = atS) {
    this.endLookBack();
    this.feed.stop();
    this.dropStill();
    const recorded = (this.recorded = new Recorded(this.past, this.camera.id, { changed: () => this.draw(), caughtUp: () => this.toLive() }));
    this.draw();
    if (!(await recorded.from(atS)) && recorded === this.recorded && orS !== atS) {
      recorded.text = "";
      await recorded.from(orS);
    }
  }

  // The present again; answers whether it was the past.
  toLive() {
    if (!this.endLookBack()) return false;
    if (isSeen()) this.pull();
    this.draw();
    return true;
  }

  endLookBack() {
    const { recorded } = this;
    this.recorded = null;
    recorded?.close();
    return recorded !== null;
  }

  // When the picture on the screen was taken, Unix seconds; NaN where there is none.
  shownAtS() {
    if (this.recorded) return this.recorded.atS;
    return takenAtS(this.feed.status(), serverNow());
  }

  pull() {
    if (!this.still) this.stillAt = performance.now() + STILL_AFTER_MS;
    this.feed.watch(this.camera, this.quality);
  }

  // The page is hidden, or seen again: nothing is pulled meanwhile.
  seen(now) {
    if (!this.camera) return;
    if (this.recorded) {
      if (now) this.past.play().catch(() => {});
      else this.past.pause();
    } else if (now) this.pull();
    else {
      this.feed.stop();
      this.dropStill();
    }
  }

  // Whether the wanted camera's picture is on the screen, as it happens.
  isLive() {
    const { camera, phase, isAsking } = this.feed.status();
    return phase === "live" && !isAsking && camera.id === this.camera?.id;
  }

  again() {
    if (this.recorded) this.recorded.again();
    else this.feed.again();
  }

  // A few times a second, to notice what does not come, and for what counts by itself.
  tick(nowMs = performance.now()) {
    if (!this.camera) return;
    if (this.recorded) {
      this.recorded.tick();
      return this.draw(nowMs);
    }
    this.feed.tick(nowMs);
    if (nowMs >= this.stillAt && !this.feed.live) this.fetchStill();
    this.draw(nowMs);
  }

  draw(nowMs = performance.now()) {
    this.root.classList.toggle("recorded", this.recorded !== null);
    this.past.classList.toggle("front", this.recorded?.isShown ?? false);
    if (this.recorded) this.drawRecorded();
    else this.drawPresent(nowMs);
  }

  // Never to be taken for live: another frame, a band that says so, and the instant of the picture instead of the present one.
  drawRecorded() {
    const { recorded, parts } = this;
    const { atS, text } = recorded;
    this.videos.forEach((video) => video.classList.remove("front"));
    this.image.hidden = true;
    toggleTo(this.root, ["empty", false], ["bad", text !== ""], ["waiting", !text && !recorded.isShown], ["still", false], ["has-picture", recorded.isShown]);
    const when = Number.isFinite(atS) ? t("Recorded {time}, {age} ago", { time: clockText(atS), age: duration(serverNow() - atS) }) : t("Looking for what was recorded…");
    put(parts.head, text ? t("Nothing recorded can be played") : when);
    put(parts.todo, text === "?" ? "" : text);
    put(parts.name, nameOf(this.camera));
    parts.converted.hidden = true;
    put(parts.lag, recorded.source === "arrival" ? t("time of arrival") : "");
    const stamp = `${state.config.viewer} · ${dateTimeText(serverNow())}`;
    put(parts.stamp, stamp);
    put(parts.watermark, stamp);
    this.root.dataset.camera = this.camera.id;
    this.tellLevel(`recorded ${text ? "bad" : ""}`);
  }

  tellLevel(phase) {
    if (phase === this.level) return;
    this.level = phase;
    this.changed(this);
  }

  drawPresent(nowMs) {
    const status = this.feed.status(nowMs);
    const shown = status.camera ?? this.camera;
    const { level, head, todo } = verdictOf(status);
    const hasPicture = status.phase === "live" || status.phase === "cut";
    if (hasPicture) this.dropStill();
    this.videos.forEach((video) => video.classList.toggle("front", hasPicture && video === this.feed.front));
    this.image.hidden = !this.still;
    const isStill = this.still !== null;
    toggleTo(this.root, ["empty", !shown], ["bad", level === "bad"], ["waiting", level === "wait" && !isStill], ["still", isStill], ["has-picture", hasPicture || isStill]);
    const stillText = isStill ? t("Still of {time}, {age} old", { time: clockText(this.still.takenAt), age: duration(serverNow() - this.still.takenAt) }) : "";
    put(this.parts.head, level === "bad" && isStill ? `${head} · ${stillText}` : stillText || head);
    put(this.parts.todo, todo);
    put(this.parts.name, shown ? nameOf(shown) : "");
    this.parts.converted.hidden = !status.isTranscoded;
    put(this.parts.lag, status.phase === "live" ? t("{s} s", { s: status.ageS.toFixed(1) }) : "");
    const stamp = shown ? `${state.config.viewer} · ${dateTimeText(serverNow())}` : "";
    put(this.parts.stamp, stamp);
    put(this.parts.watermark, stamp);
    if (shown) this.root.dataset.camera = shown.id;
    else delete this.root.dataset.camera;
    this.tellLevel(`${status.phase} ${level}`);
  }

  async fetchStill() {
    this.stillAt = performance.now() + STILL_AGAIN_MS;
    const camera = this.camera;
    const aborter = (this.stillAborter = new AbortController());
    const still = await stillOf(camera.id, aborter.signal);
    if (!still) return;
    if (aborter.signal.aborted || this.feed.live) URL.revokeObjectURL(still.url);
    else {
      this.dropStill();
      this.still = still;
      this.image.src = still.url;
      this.draw();
    }
  }

  dropStill() {
    this.stillAborter?.abort();
    if (!this.still) return;
    URL.revokeObjectURL(this.still.url);
    this.still = null;
    this.image.removeAttribute("src");
  }

  remove() {
    this.camera = null;
    this.dropStill();
    this.endLookBack();
    this.feed.stop();
    this.root.remove();
  }
}

export const isSeen = () => document.visibilityState === "visible";

// Everything with tiles: `tiles()` are ticked while the page is seen, and neither pull nor hold anything while it is not.
export function keepTime(tiles) {
  setInterval(() => {
    if (isSeen()) for (const tile of tiles()) tile.tick();
  }, 250);
  document.addEventListener("visibilitychange", () => {
    for (const tile of tiles()) tile.seen(isSeen());
  });
}

export function tool(name, icon, title, act) {
  const made = button(`tool ${name}`, "", (event) => {
    event.stopPropagation();
    act();
  });
  const drawing = node("span", "icon");
  drawing.style.setProperty("--icon", `url(/assets/icons/${icon}.svg)`);
  made.append(drawing);
  made.title = title;
  made.setAttribute("aria-label", title);
  return made;
}

function put(holder, text) {
  if (holder.textContent !== text) holder.textContent = text;
}

function toggleTo(root, ...classes) {
  for (const [name, on] of classes) root.classList.toggle(name, on);
}
