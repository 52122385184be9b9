// One stream into one <video>: a WebSocket that brings fragmented MP4 (or WebM), played by MediaSource at its live edge. It knows
// nothing of cameras: any address that speaks the wire of docs/video.md plays. Everything is driven by what comes and by
// `updateend`, never by timers, which a browser slows down in pages that are not looked at.
const TARGET_S = 0.12; // how far behind its newest picture it plays; a phone's stream comes in larger pieces and wants 0.25
const JUMP_OVER_S = 1; // further behind than this, it jumps to the edge instead of hurrying there
const KEPT_S = 10; // of played pictures, once there are twice as many
const MOST_WAITING = 16 * 1024 * 1024; // bytes that came and could not be appended yet: then the browser does not keep up

// Plays `url` (a path on this origin, or a whole address) in `video`. What it tells, each optional:
//   begun({mime, codec, width, height, transcoded})  a stream begins, or begins anew
//   firstFrame()                a picture is on the screen
//   state({state, since, late_s})  what the server detected: "frozen", "black", "late", "ok"
//   refused({refused, message_zh, message_en})  it can't go on; `ended` follows
//   unplayable(mime)            this browser has no decoder for it; `ended` follows
//   ended({code, reason})       the connection is over; the last picture stays until `close`
export function play(video, url, { targetS = TARGET_S, ...told } = {}) {
  const socket = new WebSocket(new URL(url, location.href.replace(/^http/, "ws")));
  socket.binaryType = "arraybuffer";
  let source = null;
  let buffer = null;
  let address = ""; // of the MediaSource, as the element's src; revoked once it is open
  let waiting = []; // what came and is not appended yet
  let waitingBytes = 0;
  let isOver = false; // told nothing more
  let frames = 0;
  let frameRequest = 0;
  // When the picture on the screen was put there (performance.now()), and how much newer the newest that had come was then.
  let shownAt = 0;
  let behindS = 0;

  function end(code, reason = "") {
    if (isOver) return;
    isOver = true;
    socket.onmessage = socket.onclose = null;
    socket.close();
    waiting = [];
    told.ended?.({ code, reason });
  }

  socket.onclose = ({ code, reason }) => end(code, reason);
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") return hear(JSON.parse(data));
    waiting.push(data);
    waitingBytes += data.byteLength;
    if (waitingBytes > MOST_WAITING) return end(0, "too-slow");
    pump();
  };

  function hear(message) {
    if (message.mime) {
      told.begun?.(message);
      begin(message.mime);
    } else if (message.refused) told.refused?.(message);
    else if (message.state) told.state?.(message);
  }

  // A stream begins, or begins anew with other parameters: its times may start again, so nothing of the old one is kept.
  function begin(mime) {
    if (!window.MediaSource?.isTypeSupported(mime)) {
      told.unplayable?.(mime);
      return end(0, "unplayable");
    }
    waiting = [];
    waitingBytes = 0;
    buffer = null;
    if (address) URL.revokeObjectURL(address);
    const mine = (source = new MediaSource());
    address = URL.createObjectURL(mine);
    mine.onsourceopen = () => {
      if (mine !== source || isOver) return;
      buffer = mine.addSourceBuffer(mime);
      buffer.mode = "segments";
      buffer.onupdateend = () => {
        follow();
        pump();
      };
      buffer.onerror = () => end(0, "broken");
      pump();
    };
    video.src = address;
    video.muted = true; // else a browser does not start by itself
    video.play().catch(() => {}); // starts once there is data; a page that was just hidden may not
  }

  // All that has come, as one append.
  function pump() {
    if (!buffer || buffer.updating || !waiting.length || source.readyState !== "open") return;
    const parts = waiting;
    waiting = [];
    waitingBytes = 0;
    try {
      buffer.appendBuffer(parts.length === 1 ? parts[0] : joined(parts));
    } catch {
      end(0, video.error ? "broken" : "too-slow"); // the element gave up on the stream, or it is full
    }
  }

  // Keeps to the newest picture: a little behind it, hurrying there when it is further, jumping when it is far.
  function follow() {
    const ranges = video.buffered;
    if (!ranges.length || isOver) return;
    const start = ranges.start(ranges.length - 1);
    const newest = ranges.end(ranges.length - 1);
    const lag = newest - video.currentTime;
    if (lag > JUMP_OVER_S || video.currentTime < start) video.currentTime = Math.max(start, newest - targetS / 2);
    else video.playbackRate = lag > 2 * targetS ? 1.15 : lag > targetS ? 1.05 : 1;
    if (video.paused) video.play().catch(() => {});
    if (!buffer.updating && video.currentTime - ranges.start(0) > 2 * KEPT_S) buffer.remove(0, video.currentTime - KEPT_S);
  }

  // Of each picture that is put on the screen; `mediaTime` is its own.
  function shown(mediaTime) {
    const ranges = video.buffered;
    shownAt = performance.now();
    behindS = ranges.length ? Math.max(0, ranges.end(ranges.length - 1) - mediaTime) : 0;
    frames += 1;
    if (frames === 1) told.firstFrame?.();
  }

  function nextFrame() {
    frameRequest = video.requestVideoFrameCallback((_now, { mediaTime }) => {
      shown(mediaTime);
      nextFrame();
    });
  }

  const onTime = () => video.readyState > 1 && shown(video.currentTime);
  const tellsFrames = "requestVideoFrameCallback" in video;
  if (tellsFrames) nextFrame();
  else video.addEventListener("timeupdate", onTime); // an older Firefox: four times a second

  return {
    // Pictures shown so far.
    get frames() {
      return frames;
    },
    // How old the picture on the screen is, counted from when its bytes came; NaN before the first.
    ageS: (nowMs = performance.now()) => (shownAt ? (nowMs - shownAt) / 1000 + behindS : NaN),
    // Seconds of pictures that are kept in memory.
    bufferedS: () => (video.buffered.length ? video.buffered.end(video.buffered.length - 1) - video.buffered.start(0) : 0),
    // Ends the connection and gives the decoder back; the element is empty then. `ended` is not told.
    close() {
      isOver = true;
      socket.onmessage = socket.onclose = null;
      socket.close();
      waiting = [];
      source = buffer = null;
      if (tellsFrames) video.cancelVideoFrameCallback(frameRequest);
      else video.removeEventListener("timeupdate", onTime);
      if (address) URL.revokeObjectURL(address);
      video.removeAttribute("src");
      video.load();
    },
  };
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(new Uint8Array(part), at);
    at += part.byteLength;
  }
  return whole;
}
