// Photos and videos go up by themselves, in pieces, and go on where they stopped: after a cut, a reload, a closed page.
import { Upload } from "tus-js-client";
import { all, forget, keep } from "./store.js";

const PIECE_BYTES = 1 << 20;
const RETRY_DELAYS_MS = [0, 1000, 3000, 5000, 10000];

export class Uploads {
  // onChange(list of {order, name, state, share, incidentId, reason})
  constructor(onChange) {
    this.onChange = onChange;
    this.states = new Map();
    this.running = false;
    addEventListener("online", () => this.flush());
  }

  async add(incidentId, file) {
    const row = { incidentId, blob: file, name: file.name, type: file.type, takenAt: new Date(file.lastModified).toISOString(), url: null };
    row.order = await keep("files", row);
    this.show(row, "queued", 0);
    this.flush();
  }

  async flush() {
    if (this.running) return;
    this.running = true;
    try {
      for (const row of await all("files")) {
        if (this.states.get(row.order)?.state === "failed") continue;
        if (!(await this.send(row))) break;
      }
    } finally {
      this.running = false;
    }
    const rest = (await all("files")).filter((row) => this.states.get(row.order)?.state !== "failed");
    if (rest.length) setTimeout(() => this.flush(), 5000);
  }

  async retry(order) {
    this.states.delete(order);
    await this.flush();
  }

  // True when this file is finished, one way or the other; false: the network is away.
  send(row) {
    return new Promise((resolve) => {
      const upload = new Upload(row.blob, {
        endpoint: "/uploads",
        uploadUrl: row.url,
        chunkSize: PIECE_BYTES,
        retryDelays: RETRY_DELAYS_MS,
        storeFingerprintForResuming: false,
        metadata: { incident_id: row.incidentId, filename: row.name, filetype: row.type, taken_at: row.takenAt },
        onProgress: (sent, whole) => this.show(row, "uploading", sent / whole),
        // The address is kept before the first byte goes, so that a closed page finds its upload again.
        onUploadUrlAvailable: () => { row.url = upload.url; keep("files", row); },
        onSuccess: async () => { await forget("files", row.order); this.show(row, "stored", 1); resolve(true); },
        onError: (error) => {
          const status = error.originalResponse?.getStatus() ?? 0;
          const refused = status >= 400 && status < 500 && status !== 409 && status !== 423;
          this.show(row, refused ? "failed" : "queued", 0, refused ? reasonOf(error) : "");
          resolve(refused);
        },
      });
      this.show(row, "uploading", 0);
      upload.start();
    });
  }

  show(row, state, share, reason = "") {
    this.states.set(row.order, { order: row.order, name: row.name, incidentId: row.incidentId, state, share, reason });
    this.onChange([...this.states.values()]);
  }
}

function reasonOf(error) {
  try {
    return JSON.parse(error.originalResponse.getBody()).detail;
  } catch {
    return error.message;
  }
}
