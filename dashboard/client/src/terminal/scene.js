// Scene video of this phone: what is being filmed goes up while it is filmed, and what is left of earlier recordings after it, also
// when the page was closed in between.
import { forgetRecording, keepRecording, lastChunk, recordings } from "./scene_store.js";
import { SceneLine, UNKNOWN } from "./scene_line.js";

const LOOK_EVERY_MS = 2000;
// A recording that still grows is filmed on another page of this phone.
const GROWING_MS = 5000;
// What is being filmed has the network for itself while so much of it waits.
const LIVE_FIRST_CHUNKS = 20;

export class Scene {
  // changed(); loggedOut(): the session has ended; refused(row, rule, detail).
  constructor(on) {
    Object.assign(this, { on, rows: [], unitId: null, allowed: false, lines: new Map(), live: null });
    setInterval(() => this.look(), LOOK_EVERY_MS);
    addEventListener("online", () => this.lines.forEach((line) => line.open()));
    addEventListener("offline", () => this.lines.forEach((line) => line.drop()));
  }

  async load() {
    const known = new Set(this.rows.map((row) => row.id));
    for (const row of await recordings()) if (!known.has(row.id)) this.rows.push({ ...row, have: 0, left: row.chunks === null, state: row.rule === undefined ? "queued" : "failed" });
    await this.close();
    this.on.changed();
  }

  // A recorder that a closed page left without an end has ended with its newest slice.
  async close() {
    for (const row of this.rows.filter((one) => one.left)) {
      const last = await lastChunk(row.id);
      if (last && Date.now() - last.at < GROWING_MS) continue;
      Object.assign(row, { left: false, kept: last ? last.seq + 1 : 0, chunks: last ? last.seq + 1 : UNKNOWN });
      await keepRecording(plain(row));
    }
    this.flush();
  }

  own() {
    return this.rows.filter((row) => row.unitId === this.unitId);
  }

  waiting() {
    return this.rows.filter((row) => row.state !== "stored");
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
    for (const id of [...this.lines.keys()]) this.drop(id);
  }

  begun(row) {
    Object.assign(row, { have: 0, state: "queued" });
    this.rows.push(row);
    this.live = row;
    this.flush();
  }

  kept(row) {
    this.lines.get(row.id)?.pump();
    this.on.changed();
  }

  ended(row) {
    if (this.live === row) this.live = null;
    this.lines.get(row.id)?.pump();
    this.flush();
  }

  retry(row) {
    Object.assign(row, { state: "queued", rule: undefined, detail: undefined });
    keepRecording(plain(row));
    this.flush();
  }

  async discard(row) {
    this.rows = this.rows.filter((one) => one !== row);
    this.drop(row.id);
    this.on.changed();
    await forgetRecording(row.id);
  }

  // Slices of a recording that the server does not have yet.
  unsent(row) {
    return Math.max(0, (row.kept ?? Math.max(0, row.chunks ?? 0)) - (this.lines.get(row.id)?.have ?? row.have));
  }

  // How much of it the server has, 0 to 1.
  share(row) {
    const all = Math.max(row.chunks ?? 0, row.kept ?? 0);
    return all ? Math.min(1, Math.max(row.have, this.lines.get(row.id)?.have ?? 0) / all) : 0;
  }

  isConnected(row) {
    return this.lines.get(row.id)?.ready === true;
  }

  flush() {
    if (!this.allowed) return;
    const queued = this.own().filter((row) => row.state === "queued" && !row.left);
    if (this.live) this.connect(this.live);
    const isBehind = this.live && this.unsent(this.live) > LIVE_FIRST_CHUNKS;
    const [next] = queued.filter((row) => row !== this.live);
    if (next && !isBehind) this.connect(next);
    else if (next && isBehind) this.drop(next.id);
  }

  connect(row) {
    if (this.lines.has(row.id)) return;
    this.lines.set(row.id, new SceneLine(row, {
      changed: () => {
        row.have = Math.max(row.have, this.lines.get(row.id)?.have ?? 0);
        this.on.changed();
      },
      stored: () => this.stored(row),
      refused: (_, rule, detail) => this.refused(row, rule, detail),
      loggedOut: () => this.on.loggedOut(),
    }));
  }

  drop(id) {
    this.lines.get(id)?.close();
    this.lines.delete(id);
  }

  async stored(row) {
    this.lines.delete(row.id);
    Object.assign(row, { state: "stored", have: row.chunks });
    this.on.changed();
    await forgetRecording(row.id);
    this.flush();
  }

  refused(row, rule, detail) {
    this.lines.delete(row.id);
    Object.assign(row, { state: "failed", rule, detail });
    keepRecording(plain(row));
    this.on.refused(row, rule, detail);
    this.flush();
  }

  look() {
    this.lines.forEach((line) => line.look());
    if (this.rows.some((row) => row.left)) this.close();
    else this.flush();
  }
}

function plain({ id, unitId, incidentId, mime, beganAt, name, chunks, kept, rule, detail }) {
  return { id, unitId, incidentId, mime, beganAt, name, chunks, kept, rule, detail };
}
