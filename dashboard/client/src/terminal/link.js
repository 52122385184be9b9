// The terminal's socket (docs/terminal-protocol.md): pushes in, delivered and seen out, own position out. Reconnects for ever.
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 10_000;
// A socket that says nothing for this long is dead, whatever the browser thinks; the server pings every 20 s of silence.
const QUIET_MS = 15_000;
const SESSION_ENDED = 4401;
const REPLACED = 4409;

// One live connection per device: a new page of the same phone replaces the old one.
function device() {
  let id = localStorage.getItem("device");
  if (!id) localStorage.setItem("device", (id = crypto.randomUUID()));
  return id;
}

export class Link {
  // onMessage(object), onState(connected)
  constructor(onMessage, onState) {
    this.onMessage = onMessage;
    this.onState = onState;
    this.delay = FIRST_DELAY_MS;
    this.heardAt = 0;
    this.connect();
    setInterval(() => this.watch(), 5000);
    addEventListener("online", () => this.connect());
    document.addEventListener("visibilitychange", () => document.hidden || this.connect());
  }

  connect() {
    if (this.replaced || (this.socket && this.socket.readyState <= WebSocket.OPEN)) return;
    const socket = new WebSocket(`${location.origin.replace("http", "ws")}/terminal/socket?device=${device()}`);
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onopen = () => { this.delay = FIRST_DELAY_MS; };
    socket.onmessage = (event) => {
      this.heardAt = performance.now();
      this.onState(true);
      this.onMessage(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.onState(false);
      if (event.code === SESSION_ENDED) { location.href = "/login?next=/terminal"; return; }
      if (event.code === REPLACED) { this.replaced = true; return; }
      setTimeout(() => this.connect(), this.delay * (0.7 + 0.6 * Math.random()));
      this.delay = Math.min(LONGEST_DELAY_MS, this.delay * 2);
    };
  }

  watch() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    if (performance.now() - this.heardAt > QUIET_MS) this.socket.close();
    else this.send({ type: "ping", t: performance.now() });
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }
}
