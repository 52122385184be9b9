// A video wall that follows this desk: what is open here is sent again whenever it changes, and once in a while while it does not, so
// that a wall can tell a desk that is still there from one that has gone. It ends when another page sends something to such a wall.

const SETTLED_MS = 300; // four tiles that open one after the other are one change
const AGAIN_MS = 10_000; // rounds.js: FOLLOWED_S, after which a wall that has heard nothing says so
const LOOK_MS = 100;

export class Following {
  // send: message → whether it went out; view: () → {cameras, selection}; told: (isOn, endedBy) after each change of state.
  // page: what this page calls itself; now: () → ms.
  constructor({ send, view, told, page, now = () => performance.now() }) {
    Object.assign(this, { send, view, told, page, now });
    this.isOn = false;
    this.isResting = false; // the page shows the past
    this.changedAt = 0;
    this.isNews = false;
    this.sentAt = 0;
    this.timer = null;
  }

  start() {
    if (this.isOn) return;
    this.isOn = true;
    this.isNews = true;
    this.changedAt = -Infinity;
    this.timer = setInterval(() => this.look(), LOOK_MS);
    this.told(true, "");
    this.look();
  }

  // `endedBy`: who sent something else. Of its own accord it takes its word back; else the wall has other words already.
  stop(endedBy = "") {
    if (!this.isOn) return;
    this.isOn = false;
    clearInterval(this.timer);
    if (!endedBy && !this.isResting) this.say(false);
    this.told(false, endedBy);
  }

  // Selection or pictures have changed.
  change() {
    if (!this.isNews) this.changedAt = this.now();
    this.isNews = true;
  }

  rest(isResting) {
    this.isResting = isResting;
    if (!isResting) this.change();
  }

  // Something went to a wall, from this page or from another.
  heard({ page, pushed_by }) {
    if (page !== this.page) this.stop(pushed_by);
  }

  look() {
    if (!this.isOn || this.isResting) return;
    const now = this.now();
    const isDue = this.isNews ? now - this.changedAt >= SETTLED_MS : now - this.sentAt >= AGAIN_MS;
    if (!isDue || !this.say(true)) return; // without a connection it waits for one
    this.isNews = false;
    this.sentAt = now;
  }

  say(follows) {
    return this.send({ type: "show", screen: "video", view: { how: "set", ...this.view(), page: this.page, follows } });
  }
}

// No `crypto.randomUUID`: a desk that is opened without https has none.
export const pageName = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
