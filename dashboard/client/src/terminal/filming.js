// Filming the scene: the camera's own track into a MediaRecorder, and what that writes, slice by slice, into IndexedDB. Without
// sound (docs/decisions/0109). Nothing is kept in memory: what a bad network does not take waits on the phone's disk.
import { haveRoomFor, keepChunk, keepRecording } from "./scene_store.js";
import { t } from "./words.js";

// WebM comes picture by picture; a recorder that knows MP4 only writes a second at a time.
const TYPES = ["video/webm;codecs=vp8", "video/webm", "video/mp4"];
const BITS_PER_S = 1_200_000;
const SLICE_MS = 100;
const KEY_FRAME_EVERY_MS = 1000;
const PICTURE = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 25, max: 30 } };
// A file of a gigabyte serves nobody; the next recording begins by itself.
const LONGEST_MS = 30 * 60_000;
// The server takes a mebibyte in one (docs/terminal-protocol.md). What a page that was held up for seconds is handed at once may be more.
const LARGEST_SLICE = 512 * 1024;
// A disk that takes no slice for this many has stopped taking any.
const MOST_BEHIND = 50;
const LEAST_ROOM_BYTES = 50e6;
export const LOW_ROOM_S = 600;

const type = () => TYPES.find((one) => window.MediaRecorder?.isTypeSupported(one));
const newId = () => crypto.randomUUID().replaceAll("-", "");

export const canFilm = () => Boolean(navigator.mediaDevices?.getUserMedia && type());

export class Filming {
  // changed(); begun(row), kept(row): a recording, a slice of it, is on the disk; ended(row, why). `why`: "" stopped here,
  // `full`, `broken` (this device can't store), `camera` (the phone took the camera away), `rolled`, `turned`: another begins.
  constructor(on) {
    Object.assign(this, on, { run: null, facing: "environment", starting: false });
  }

  get seconds() {
    return this.run && (performance.now() - this.run.begun) / 1000;
  }

  // Rejects where there is no camera, it is not allowed, or nothing can be stored.
  async start(unitId, incidentId) {
    if (this.run || this.starting) return;
    this.starting = true;
    try {
      const roomS = await this.room();
      const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...PICTURE, facingMode: { ideal: this.facing } } });
      try {
        await this.record(stream, { unitId, incidentId }, performance.now(), roomS);
      } catch (error) {
        stream.getTracks().forEach((track) => track.stop());
        throw error;
      }
    } finally {
      this.starting = false;
      this.changed();
    }
  }

  // How many seconds of video the disk still takes; null where the browser does not say.
  async room() {
    const bytes = await haveRoomFor(LEAST_ROOM_BYTES);
    return bytes === null ? null : (bytes * 8) / BITS_PER_S;
  }

  async record(stream, about, begun, roomS) {
    const [track] = stream.getVideoTracks();
    const media = new MediaRecorder(stream, { mimeType: type(), videoBitsPerSecond: BITS_PER_S, videoKeyFrameIntervalDuration: KEY_FRAME_EVERY_MS });
    const beganAt = new Date();
    const kind = type().split(";")[0].split("/")[1];
    const row = { id: newId(), ...about, mime: "", beganAt: beganAt.toISOString(), name: `${t("film")} ${beganAt.toLocaleTimeString("sv").replaceAll(":", "-")}.${kind}`, chunks: null };
    const run = { row, media, stream, begun, roomS, next: 0, bytes: 0, behind: 0, writing: Promise.resolve(), why: "", dark: track.muted, kind };
    row.mime = media.mimeType || type();
    await keepRecording(row);
    media.ondataavailable = ({ data }) => {
      for (let from = 0; from < data.size; from += LARGEST_SLICE) this.keep(run, data.slice(from, from + LARGEST_SLICE));
    };
    media.onstop = () => this.stopped(run);
    media.onerror = () => this.stop("camera");
    track.onended = () => this.stop("camera");
    track.onmute = track.onunmute = () => {
      run.dark = track.muted;
      this.changed();
    };
    run.longest = setTimeout(() => this.roll(run), LONGEST_MS);
    this.run = run;
    media.start(SLICE_MS);
    this.begun(row);
  }

  keep(run, data) {
    const seq = run.next++;
    const at = Date.now();
    run.bytes += data.size;
    run.behind += 1;
    if (run.behind > MOST_BEHIND) this.stop("broken");
    run.writing = run.writing.then(async () => {
      if (run.lost) return; // a recording ends before its first gap
      await keepChunk({ recording: run.row.id, seq, at, data: await data.arrayBuffer() });
      run.row.kept = seq + 1;
      run.behind -= 1;
      this.kept(run.row);
    }).catch((error) => {
      run.lost ||= error.name === "QuotaExceededError" ? "full" : "broken";
      this.stop(run.lost);
    });
  }

  async stopped(run) {
    clearTimeout(run.longest);
    if (run.why !== "rolled") run.stream.getTracks().forEach((track) => track.stop());
    if (this.run === run) this.run = null;
    await run.writing;
    run.row.chunks = run.row.kept ?? 0;
    await keepRecording(run.row).catch(() => undefined); // what is not noted here is found out when the page is opened again
    this.ended(run.row, run.lost || run.why);
    this.changed();
  }

  stop(why = "") {
    const { run } = this;
    if (!run) return;
    run.why = why;
    this.run = null;
    if (run.media.state !== "inactive") run.media.stop();
    this.changed();
  }

  // The same camera goes on under a new number.
  async roll(run) {
    if (this.run !== run) return;
    this.stop("rolled");
    const { unitId, incidentId } = run.row;
    await this.record(run.stream, { unitId, incidentId }, run.begun, await this.room().catch(() => 0)).catch(() => run.stream.getTracks().forEach((track) => track.stop()));
    this.changed();
  }

  // The camera on the other side; a recorder can't change its track, so another recording begins.
  async turn() {
    const { run } = this;
    if (!run) return;
    this.facing = this.facing === "environment" ? "user" : "environment";
    this.stop("turned");
    await this.start(run.row.unitId, run.row.incidentId);
  }
}
