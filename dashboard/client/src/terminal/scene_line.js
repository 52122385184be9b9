// One recording on its way up (docs/terminal-protocol.md): slices from the phone's disk in order, acknowledged by number, gone on
// with after any break where the server stands.
import { clockAheadMs } from "./clock.js";
import { chunksFrom, forgetChunks } from "./scene_store.js";

const MOST_BUFFERED = 2e6; // bytes handed to the network and not taken by it
const BATCH = 16;
const FIRST_DELAY_MS = 200;
const LONGEST_DELAY_MS = 2000;
const REFUSED_FOR_NOW_MS = 5000;
const FORGET_EVERY = 10;
// A connection that acknowledges nothing for so long, though it has something, is dead, whatever the browser thinks.
const QUIET_MS = 8000;
const SESSION_ENDED = 4401;
// `chunks` of a recording of which nothing is left here and only the server knows how long it was.
export const UNKNOWN = -1;

export class SceneLine {
  // `row`: the recording; on: {changed(), stored(row), refused(row, rule, detail), loggedOut()}.
  constructor(row, on) {
    Object.assign(this, { row, on, have: 0, sent: 0, ready: false, closed: false, tries: 0, forgotten: 0, ended: false });
    this.open();
  }

  open() {
    if (this.closed || this.socket) return;
    clearTimeout(this.later);
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}/terminal/video`);
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onopen = () => {
      const { id, incidentId, mime, beganAt, name } = this.row;
      socket.send(JSON.stringify({
        type: "recording", recording_id: id, incident_id: incidentId, mime, began_at: beganAt, name, device_now: new Date().toISOString(), clock_offset_ms: clockAheadMs(),
      }));
    };
    socket.onmessage = (event) => this.hear(JSON.parse(event.data));
    socket.onclose = (event) => this.lost(event.code);
  }

  hear(said) {
    this.heardAt = performance.now();
    if ("have" in said) this.acknowledged(said.have);
    else if ("stored" in said) this.done(() => this.on.stored(this.row));
    else if ("refused" in said && !said.again) this.done(() => this.on.refused(this.row, said.refused, said.detail));
    else if ("refused" in said) {
      this.waitMs = REFUSED_FOR_NOW_MS;
      this.drop();
    }
    else if ("error" in said) this.done(() => this.on.refused(this.row, "", said.error));
  }

  acknowledged(have) {
    this.have = have;
    if (this.row.chunks === UNKNOWN) this.row.chunks = have;
    if (!this.ready) {
      this.ready = true;
      this.tries = 0;
      this.sent = have; // what was on its way on the old connection goes again
      this.ended = false;
    }
    if (have - this.forgotten >= FORGET_EVERY) {
      this.forgotten = have;
      forgetChunks(this.row.id, have).catch(() => undefined); // forgotten with the next ones
    }
    this.on.changed();
    this.pump();
  }

  // Something was stored, or acknowledged: send what there is and the network takes.
  async pump() {
    if (this.pumping) {
      this.again = true;
      return;
    }
    this.pumping = true;
    try {
      do {
        this.again = false;
        while (await this.sendSome());
      } while (this.again);
    } catch {
      this.drop(); // the disk could not be read: tried again with the next connection
    } finally {
      this.pumping = false;
    }
  }

  // Whether there may be more to send at once.
  async sendSome() {
    const { socket } = this;
    if (!this.ready || socket?.readyState !== WebSocket.OPEN) return false;
    const { chunks: all } = this.row;
    if (all !== null && this.sent >= all) {
      if (!this.ended) socket.send(JSON.stringify({ type: "end", chunks: all }));
      this.ended = true;
      return false;
    }
    if (socket.bufferedAmount > MOST_BUFFERED) return false; // the next acknowledgement goes on
    const rows = await chunksFrom(this.row.id, this.sent, BATCH);
    if (!rows.length || socket !== this.socket || !this.ready) return false;
    if (rows[0].seq !== this.sent) {
      this.done(() => this.on.refused(this.row, "chunks-lost", `${this.sent}–${rows[0].seq - 1}`));
      return false;
    }
    for (const chunk of rows) {
      if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > MOST_BUFFERED) return false;
      socket.send(framed(chunk));
      this.sent = chunk.seq + 1;
    }
    return true;
  }

  // Called now and then: a dead connection is let go of.
  look() {
    if (!this.socket) this.open();
    else if (performance.now() - this.heardAt > QUIET_MS && (!this.ready || this.sent > this.have || this.ended)) this.drop();
    else if (this.sent === this.have) this.heardAt = performance.now(); // nothing was asked
  }

  lost(code) {
    this.socket = undefined;
    this.ready = false;
    if (this.closed) return;
    if (code === SESSION_ENDED) {
      this.close();
      this.on.loggedOut();
      return;
    }
    const delay = this.waitMs ?? Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.tries++);
    this.waitMs = undefined;
    this.later = setTimeout(() => this.open(), delay * (0.8 + 0.4 * Math.random()));
    this.on.changed();
  }

  drop() {
    const { socket } = this;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.lost(0);
  }

  done(then) {
    this.close();
    then();
  }

  close() {
    this.closed = true;
    clearTimeout(this.later);
    this.socket?.close();
  }
}

// Number u32, this phone's clock u64 in Unix ms, big-endian; then the slice.
function framed({ seq, at, data }) {
  const message = new Uint8Array(12 + data.byteLength);
  const head = new DataView(message.buffer);
  head.setUint32(0, seq);
  head.setBigUint64(4, BigInt(at));
  message.set(new Uint8Array(data), 12);
  return message;
}
