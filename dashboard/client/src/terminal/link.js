// The terminal's socket (docs/terminal-protocol.md): pushes in, confirmations, commands and own position out. Reconnects for
// as long as it makes sense.
import { hearServerTime } from "./clock.js";

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
const LOOK_EVERY_MS = 5000;
// A socket that has not answered for this long, by the phone's own clock, is dead, whatever the browser thinks: other clocks stand still
// while the phone sleeps. Only one that was asked: timers of a page behind others come once a minute.
const QUIET_MS = 12_000;
const SESSION_ENDED = 4401, NOT_PERMITTED = 4403, REPLACED = 4409;

// One live connection per device: a new page of the same phone replaces the old one.
function device() {
  let id = localStorage.getItem("device");
  if (!id) localStorage.setItem("device", (id = crypto.randomUUID()));
  return id;
}

export class Link {
  // on: {message(object), state(connected), ended(reason)}. Ended: `session_ended`, `no_unit`, `not_permitted`, `replaced`.
  constructor(on) {
    this.on = on;
    this.delay = FIRST_DELAY_MS;
    this.askedAt = null; // Date.now() of the first question that is not answered
    this.reason = "";
    setInterval(() => this.look(), LOOK_EVERY_MS);
    addEventListener("online", () => this.connect());
    addEventListener("offline", () => this.drop());
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
  }

  get connected() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  connect() {
    if (this.ended || this.socket) return;
    clearTimeout(this.again);
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}/terminal/socket?device=${device()}`);
    this.socket = socket;
    this.askedAt = Date.now();
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = (event) => this.lost(event.code);
  }

  // Take the connection over again from another page of this device.
  resume() {
    this.ended = false;
    this.connect();
  }

  hear(message) {
    this.askedAt = null;
    if (message.type === "hello") {
      this.delay = FIRST_DELAY_MS;
      hearServerTime(message.server_at);
      this.on.state(true);
    }
    // An answer that waited while the phone slept would set the clock back by that long.
    const tookMs = Date.now() - message.t;
    if (message.type === "pong" && tookMs >= 0 && tookMs < QUIET_MS) hearServerTime(message.server_at, tookMs);
    if (message.type === "bye") this.reason = message.reason;
    this.on.message(message);
  }

  lost(code) {
    this.socket = undefined;
    this.on.state(false);
    const over = { [SESSION_ENDED]: "session_ended", [REPLACED]: "replaced", [NOT_PERMITTED]: this.reason || "not_permitted" }[code];
    if (over) {
      this.ended = true;
      this.on.ended(over);
      return;
    }
    this.again = setTimeout(() => this.connect(), this.delay * (0.7 + 0.6 * Math.random()));
    this.delay = Math.min(LONGEST_DELAY_MS, this.delay * 2);
  }

  // Let go of a dead connection at once; the browser's own close would wait for an answer that can't come.
  drop() {
    const socket = this.socket;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.lost(0);
  }

  look() {
    if (!this.socket) this.connect();
    else if (this.askedAt !== null && Math.abs(Date.now() - this.askedAt) > QUIET_MS) this.drop();
    else if (this.askedAt === null) {
      this.askedAt = Date.now();
      this.send({ type: "ping", t: this.askedAt });
    }
  }

  // False when it could not be handed over.
  send(message) {
    if (!this.connected) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }
}
