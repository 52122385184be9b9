// Commands in the order they were given, each with its own key and the time it was given, sent until the server has answered.
import { all, forget, keep } from "./store.js";

const RETRY_MS = 3000;

export class Outbox {
  // onAnswer(row, problem | null): the server took the command, or refused it and says why. onWaiting(count).
  constructor(onAnswer, onWaiting) {
    this.onAnswer = onAnswer;
    this.onWaiting = onWaiting;
    this.sending = false;
    addEventListener("online", () => this.flush());
  }

  async give(incidentId, command, fields = {}) {
    const body = { command, channel: "terminal", happened_at: new Date().toISOString(), ...fields };
    await keep("commands", { incidentId, body, key: crypto.randomUUID() });
    this.flush();
  }

  async flush() {
    if (this.sending) return;
    this.sending = true;
    try {
      for (let rows = await all("commands"); rows.length; rows = await all("commands")) {
        this.onWaiting(rows.length);
        if (!(await this.deliver(rows[0]))) {
          setTimeout(() => this.flush(), RETRY_MS);
          return;
        }
        await forget("commands", rows[0].order);
      }
      this.onWaiting(0);
    } finally {
      this.sending = false;
    }
  }

  // True when the server has answered for good; false: ask again later.
  async deliver(row) {
    let answer;
    try {
      answer = await fetch(`/api/v1/incidents/${encodeURIComponent(row.incidentId)}/commands`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": row.key },
        body: JSON.stringify(row.body),
      });
    } catch {
      return false;
    }
    if (answer.status === 401) {
      location.href = "/login?next=/terminal";
      return false;
    }
    if (answer.status >= 500 || answer.status === 429) return false;
    const problem = answer.ok ? null : await answer.json().catch(() => ({ title: answer.statusText }));
    this.onAnswer(row, problem);
    return true;
  }
}
