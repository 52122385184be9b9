// Commands in the order they were given, each with its own key and the time it was given, sent until the server has answered.
import { stamp } from "./clock.js";
import { all, forget, keep } from "./store.js";

const ANSWER_WITHIN_MS = 10_000;
const AGAIN_MS = 3000;
// Refusals that say nothing about the command: nothing was recorded, the same key may be sent again.
const NOT_NOW = new Set(["not-durable", "not-running"]);

export class Outbox {
  // `store`: where they are kept; message(row): how one is sent, without its key and time; send(message) → taken; changed();
  // accepted(row, answer); refused(row, answer): the server will not carry it out and says why.
  constructor(store, on) {
    Object.assign(this, { store, rows: [], done: new Set(), asked: null, unitId: null }, on);
  }

  async load() {
    const kept = await all(this.store);
    // What was answered while this was read is not unanswered again.
    const known = new Set([...this.rows.map((row) => row.key), ...this.done]);
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
      row.order = await keep(this.store, { ...row });
      // Answered meanwhile: its place was not known then.
      if (this.done.has(row.key)) await forget(this.store, row.order);
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
    if (!this.send({ ...this.message(row), key: row.key, happened_at: happenedAt })) return;
    this.asked = row.key;
    this.changed();
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
    this.done.add(row.key);
    if (answer.ok) this.accepted(row, answer);
    else this.refused(row, answer);
    this.changed();
    if (row.order !== undefined) await forget(this.store, row.order);
    this.again();
  }
}
