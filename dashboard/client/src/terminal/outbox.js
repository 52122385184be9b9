// Commands in the order they were given, each with its own key and the time it was given, sent until the server has answered.
import { stamp } from "./clock.js";
import { all, forget, keep } from "./store.js";

const ANSWER_WITHIN_MS = 10_000;
const AGAIN_MS = 3000;
// Refusals that say nothing about the command: nothing was recorded, the same key may be sent again.
const NOT_NOW = new Set(["not-durable", "not-running"]);

export class Outbox {
  // send(message) → taken; changed(); refused(row, answer): the server will not carry it out and says why.
  constructor(send, changed, refused) {
    Object.assign(this, { send, changed, refused, rows: [], asked: null, unitId: null });
  }

  async load() {
    const kept = await all("commands");
    const known = new Set(this.rows.map((row) => row.key));
    this.rows = [...kept.filter((row) => !known.has(row.key)), ...this.rows];
    this.changed();
  }

  // Commands of this unit that the server has not answered. Those of another crew on this phone wait for its log-in.
  own() {
    return this.rows.filter((row) => row.unitId === this.unitId);
  }

  // `about`: {incidentId, assignmentId}, or nothing for the unit's own status.
  async give(command, about = {}, fields = {}) {
    const row = { unitId: this.unitId, ...about, command, fields, happenedAt: stamp(), key: crypto.randomUUID() };
    this.rows.push(row);
    this.changed();
    try {
      row.order = await keep("commands", { ...row });
    } finally {
      // Where nothing can be kept (private window, full phone) it is sent all the same.
      this.next();
    }
  }

  // A new connection: what was asked on the old one is asked again.
  greeted(unitId) {
    this.unitId = unitId;
    this.asked = null;
    this.next();
  }

  next() {
    const row = this.own()[0];
    if (!row || this.asked) return;
    const happenedAt = [row.happenedAt, stamp()].sort()[0];
    const message = { type: "command", command: row.command, key: row.key, happened_at: happenedAt, ...row.fields };
    if (row.incidentId) message.incident_id = row.incidentId;
    if (!this.send(message)) return;
    this.asked = row.key;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.again(), ANSWER_WITHIN_MS);
  }

  again() {
    this.asked = null;
    this.next();
  }

  async answered(answer) {
    const row = this.rows.find((one) => one.key === answer.key);
    if (!row) return;
    clearTimeout(this.timer);
    if (!answer.ok && NOT_NOW.has(answer.rule)) {
      this.timer = setTimeout(() => this.again(), AGAIN_MS);
      return;
    }
    this.rows = this.rows.filter((one) => one !== row);
    if (!answer.ok) this.refused(row, answer);
    this.changed();
    if (row.order !== undefined) await forget("commands", row.order);
    this.again();
  }
}
