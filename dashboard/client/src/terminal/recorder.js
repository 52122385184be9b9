// A voice note: recorded here, handed over as a file like any other.
const TYPES = ["audio/webm", "audio/mp4"]; // what the server takes (operations/footage/evidence.py); iPhones know the second only
const BITS_PER_S = 32_000; // speech; a quarter of a megabyte a minute goes up on a bad network
const LONGEST_MS = 10 * 60_000;
const PIECE_MS = 1000;

const type = () => TYPES.find((one) => window.MediaRecorder?.isTypeSupported(one));

export const canRecord = () => Boolean(navigator.mediaDevices?.getUserMedia && type());

export class Recorder {
  // recorded(incidentId, file): it has ended, whoever ended it.
  constructor(recorded) {
    Object.assign(this, { recorded, running: null });
  }

  // Seconds so far; null while nothing is recorded.
  get seconds() {
    return this.running && (performance.now() - this.running.begun) / 1000;
  }

  // Rejects where there is no microphone or it is not allowed.
  async start(incidentId, word) {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const media = new MediaRecorder(stream, { mimeType: type(), audioBitsPerSecond: BITS_PER_S });
    const begunAt = new Date();
    const run = { media, begun: performance.now(), isWanted: true, pieces: [] };
    media.ondataavailable = ({ data }) => run.pieces.push(data);
    // Also where the phone itself ends it, for a telephone call: what was said until then is kept.
    media.onstop = () => {
      clearTimeout(run.longest);
      stream.getTracks().forEach((track) => track.stop());
      if (this.running === run) this.running = null;
      const name = `${word} ${begunAt.toLocaleTimeString("sv").replaceAll(":", "-")}.${type().split("/")[1]}`;
      if (run.isWanted) this.recorded(incidentId, new File(run.pieces, name, { type: type(), lastModified: begunAt.getTime() }));
    };
    run.longest = setTimeout(() => this.stop(), LONGEST_MS);
    this.running = run;
    media.start(PIECE_MS);
  }

  stop(isWanted = true) {
    const { running } = this;
    if (!running) return;
    this.running = null;
    running.isWanted = isWanted;
    running.media.stop();
  }
}
