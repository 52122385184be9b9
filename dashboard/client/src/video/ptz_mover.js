// A camera moves as long as somebody wants it to: asked again before the server stops it by itself, stopped at once when it shall stop. Pure
// but for the clock it is given.
export const EVERY_MS = 400; // the server stops what is not asked again for a second

// Speeds to the right, up, and in, each -1 to 1, of what is pressed at the same time; null where nothing remains.
export function velocityOf(pressed, speed) {
  const sum = { pan: 0, tilt: 0, zoom: 0 };
  for (const { pan = 0, tilt = 0, zoom = 0 } of pressed) {
    sum.pan += pan;
    sum.tilt += tilt;
    sum.zoom += zoom;
  }
  const velocity = Object.fromEntries(Object.entries(sum).map(([axis, value]) => [axis, Math.sign(value) * speed]));
  return velocity.pan || velocity.tilt || velocity.zoom ? velocity : null;
}

export class Mover {
  // `ask(what)` sends to the camera and resolves when it was done; `failed(error)` is told when it was not.
  constructor(ask, failed, { later = (work, ms) => setTimeout(work, ms), never = (timer) => clearTimeout(timer) } = {}) {
    Object.assign(this, { ask, failed, later, never });
    this.wanted = null; // velocity
    this.isUnderWay = false; // a move that has not been answered
    this.timer = null;
  }

  // Move like this from now on; null: stand still.
  want(velocity) {
    if (velocity === null) return this.stop();
    this.wanted = velocity;
    if (!this.isUnderWay) this.move();
  }

  async move() {
    this.never(this.timer);
    const velocity = this.wanted;
    this.isUnderWay = true;
    try {
      await this.ask({ do: "move", ...velocity });
    } catch (error) {
      this.wanted = null;
      this.isUnderWay = false;
      this.failed(error);
      return;
    }
    this.isUnderWay = false;
    if (this.wanted === null) this.halt(); // the stop may have overtaken this move on its way
    else if (this.wanted !== velocity) this.move();
    else this.timer = this.later(() => this.wanted && this.move(), EVERY_MS);
  }

  stop() {
    if (this.wanted === null) return;
    this.wanted = null;
    this.never(this.timer);
    this.halt();
  }

  async halt() {
    try {
      await this.ask({ do: "stop" });
    } catch (error) {
      this.failed(error);
    }
  }
}
