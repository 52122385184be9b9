// Photos and videos go up by themselves, in pieces, and go on where they stopped: after a cut, a reload, a closed page.
import { Upload } from "tus-js-client";
import { stamp } from "./clock.js";
import { all, forget, forgetShown, keep, recall, remember } from "./store.js";

const PIECE_BYTES = 1 << 20;
const RETRY_DELAYS_MS = [0, 1000, 3000];
const AGAIN_MS = 5000;
// A phone's browser can't show every picture; larger ones would only fill its memory.
const LARGEST_THUMBNAIL = 30e6;
const NOT_NOW = new Set([401, 408, 409, 423, 429]);

export class Uploads {
  // changed(); loggedOut(): the session has ended.
  constructor(changed, loggedOut) {
    Object.assign(this, { changed, loggedOut, rows: [], unitId: null, current: null, allowed: false });
    addEventListener("online", () => this.flush());
  }

  async load() {
    const known = new Set(this.rows.map((row) => row.order));
    for (const row of await all("files")) {
      if (!known.has(row.order)) this.rows.push({ ...dressed(row), url: (await recall(addressOf(row.order))) ?? null });
    }
    this.changed();
  }

  // What this unit has to send or has sent since the page was opened.
  own() {
    return this.rows.filter((row) => row.unitId === this.unitId);
  }

  waiting() {
    return this.rows.filter((row) => row.state !== "stored");
  }

  async add(incidentId, file) {
    const kept = { unitId: this.unitId, incidentId, blob: file, name: file.name, type: file.type, takenAt: stamp(file.lastModified) };
    const row = dressed(kept);
    this.rows.push(row);
    this.changed();
    try {
      row.order = await keep("files", kept);
    } finally {
      this.flush();
    }
  }

  // A connection as this unit; the session is good.
  greeted(unitId) {
    this.unitId = unitId;
    this.allowed = true;
    this.flush();
  }

  // Another page of this device has taken over.
  pause() {
    this.allowed = false;
    this.current?.abort();
    this.current = null;
    this.rows.filter((row) => row.state === "uploading").forEach((row) => this.show(row, { state: "queued" }));
  }

  retry(row) {
    Object.assign(row, { state: "queued", rule: "", reason: "" });
    this.flush();
  }

  async drop(row) {
    this.rows = this.rows.filter((one) => one !== row);
    this.changed();
    await this.release(row);
  }

  flush() {
    if (this.current || !this.allowed) return;
    const row = this.own().find((one) => one.state === "queued");
    if (row) this.send(row);
  }

  send(row) {
    const upload = new Upload(row.blob, {
      endpoint: "/uploads",
      uploadUrl: row.url,
      chunkSize: PIECE_BYTES,
      retryDelays: RETRY_DELAYS_MS,
      storeFingerprintForResuming: false,
      metadata: { incident_id: row.incidentId, filename: row.name, filetype: row.type, taken_at: row.takenAt },
      onProgress: (sent, whole) => this.show(row, { state: "uploading", share: sent / whole }),
      // Kept apart from the row, whose video would be written to the phone's disk again. A closed page finds its upload by it.
      onUploadUrlAvailable: () => {
        row.url = upload.url;
        if (row.order !== undefined) remember(addressOf(row.order), upload.url);
      },
      onSuccess: () => this.finished(row),
      onError: (error) => this.failed(row, error),
    });
    this.current = upload;
    this.show(row, { state: "uploading", share: 0 });
    upload.start();
  }

  async finished(row) {
    this.show(row, { state: "stored", share: 1 });
    await this.release(row);
    this.current = null;
    this.flush();
  }

  failed(row, error) {
    this.current = null;
    const status = error.originalResponse?.getStatus() ?? 0;
    if (status >= 400 && status < 500 && !NOT_NOW.has(status)) {
      this.show(row, { state: "failed", ...refusalOf(error) });
      this.flush();
      return;
    }
    this.show(row, { state: "queued" });
    if (status === 401) this.loggedOut();
    else setTimeout(() => this.flush(), AGAIN_MS);
  }

  async release(row) {
    if (row.order === undefined) return;
    await forget("files", row.order);
    await forgetShown(addressOf(row.order));
  }

  show(row, change) {
    Object.assign(row, change);
    this.changed();
  }
}

const addressOf = (order) => `upload-${order}`;

function dressed(row) {
  const isPicture = row.type.startsWith("image/") && row.blob.size <= LARGEST_THUMBNAIL;
  return { url: null, ...row, id: crypto.randomUUID(), state: "queued", share: 0, rule: "", reason: "", picture: isPicture ? URL.createObjectURL(row.blob) : null };
}

function refusalOf(error) {
  try {
    const { type, detail } = JSON.parse(error.originalResponse.getBody());
    return { rule: type.split(":").at(-1), reason: detail };
  } catch {
    return { rule: "", reason: error.message };
  }
}
