// One recording in the panel of its incident: watched live after a click, because every look at it is written down; played back
// while nothing comes.
import { button, node } from "../nodes.js";
import { serverNow, state } from "../state.js";
import { clockText, dateTimeText, isChinese, t } from "../words.js";
import { play } from "./player.js";
import { sceneVerdictOf } from "./scene_verdict.js";

const TARGET_S = 0.22; // what a phone sends comes in larger pieces than a camera's pictures
const AGAIN_MS = 1000;
const ENDED = 4410, NOT_PERMITTED = 4403, NOT_FOUND = 4404;

const unixS = (iso) => Date.parse(iso) / 1000;

export class SceneTile {
  constructor(one) {
    this.one = one;
    this.wanted = false;
    this.refusal = "";
    this.root = node("figure", "video-tile scene");
    this.root.dataset.recording = one.recording_id;
    this.video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, disablePictureInPicture: true });
    this.parts = { watermark: node("div", "watermark"), name: node("span", "name"), lag: node("span", "lag"), stamp: node("span", "stamp"), head: node("b", ""), todo: node("span", "") };
    this.watchButton = button("watch", "", () => this.watch());
    this.backButton = button("back", t("Play what has come"), () => this.playBack());
    this.stopButton = button("stop", t("Stop watching"), () => this.stop());
    const verdict = node("div", "verdict");
    verdict.setAttribute("role", "status");
    verdict.append(this.parts.head, this.parts.todo, this.watchButton, this.backButton);
    const caption = node("figcaption", "");
    caption.append(this.parts.name, this.parts.lag, this.parts.stamp, this.stopButton);
    this.root.append(this.video, this.parts.watermark, verdict, caption);
    this.root.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  // What the server says of it now.
  take(one, callsign) {
    const wasWaiting = this.one.state === "waiting";
    Object.assign(this, { one, callsign });
    if (wasWaiting && one.state !== "waiting") this.endPlayback();
    this.draw();
  }

  watch() {
    this.wanted = true;
    this.refusal = "";
    this.endPlayback();
    this.open();
  }

  open() {
    this.player?.close(); // which empties the picture
    this.hasPicture = false;
    clearTimeout(this.again);
    this.player = play(this.video, `/video/scene/${this.one.recording_id}`, {
      targetS: TARGET_S,
      firstFrame: () => {
        this.hasPicture = true;
        this.draw();
      },
      refused: (why) => {
        this.refusal = isChinese() ? why.message_zh : why.message_en;
      },
      unplayable: () => {
        this.refusal = t("This browser can't play what the phone sends.");
      },
      ended: ({ code }) => this.ended(code),
    });
    this.draw();
  }

  // The connection is over: opened again unless there is nothing more to see.
  ended(code) {
    const isFinal = this.refusal || [ENDED, NOT_PERMITTED, NOT_FOUND].includes(code);
    if (isFinal || !this.wanted) this.stop();
    else this.again = setTimeout(() => this.wanted && this.open(), AGAIN_MS);
    this.draw();
  }

  stop() {
    this.wanted = this.hasPicture = false;
    clearTimeout(this.again);
    this.player?.close();
    this.player = null;
    this.endPlayback();
    this.draw();
  }

  // What has come so far, as a file; the recording goes on when the phone is back.
  playBack() {
    this.stop();
    this.playsBack = true;
    Object.assign(this.video, { src: `/video/scene/${this.one.recording_id}/playback`, controls: true });
    this.video.onerror = () => {
      this.refusal = t("What has come can't be played back yet.");
      this.endPlayback();
      this.draw();
    };
    this.video.play().catch(() => {});
    this.draw();
  }

  endPlayback() {
    if (!this.playsBack) return;
    this.playsBack = false;
    this.video.onerror = null;
    this.video.controls = false;
    this.video.removeAttribute("src");
    this.video.load();
  }

  tick() {
    this.draw();
  }

  draw() {
    const { one, parts } = this;
    const isWaiting = one.state === "waiting";
    const shows = this.hasPicture || this.playsBack;
    const ageS = this.hasPicture && this.player ? this.player.ageS() : NaN;
    const playedS = this.playsBack ? this.video.currentTime : NaN;
    const { isBad, head, todo, lag } = sceneVerdictOf({ one, ageS, playedS, nowS: serverNow() });
    this.root.classList.toggle("has-picture", Boolean(shows));
    this.root.classList.toggle("bad", isBad);
    this.root.classList.toggle("recorded", Boolean(this.playsBack));
    this.root.classList.toggle("live", one.state === "live" && !isBad);
    this.root.classList.toggle("asks", !shows);
    this.video.classList.toggle("front", Boolean(shows));
    const what = one.state === "live" ? t("live since {time}", { time: clockText(unixS(one.began_at)) }) : t("Scene video");
    put(parts.name, `${this.callsign ?? one.unit_id} · ${what}`);
    put(parts.head, this.refusal || head);
    put(parts.todo, this.refusal ? "" : todo);
    put(this.watchButton, this.wanted ? t("Opening…") : t("Watch live"));
    this.watchButton.hidden = isWaiting || shows || Boolean(one.trouble);
    this.watchButton.disabled = this.wanted;
    this.backButton.hidden = !isWaiting || this.playsBack;
    this.stopButton.hidden = !(this.wanted || this.playsBack);
    put(parts.lag, lag);
    const stamp = `${state.config.viewer} · ${dateTimeText(serverNow())}`;
    put(parts.stamp, shows ? stamp : "");
    put(parts.watermark, stamp);
  }

  remove() {
    this.stop();
    this.root.remove();
  }
}

function put(holder, text) {
  if (holder.textContent !== text) holder.textContent = text;
}
