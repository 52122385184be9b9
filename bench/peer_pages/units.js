// What a peer's page knows of the units: a client of /live (docs/live-protocol.md), and when to draw.
// "fixes": as often as fixes come. "frames": positions between the last two fixes, as often as the page gets there.
(() => {
  const HEADER = 32;
  const RECORD = 20;
  const FIX_EVERY_MS = 200;
  const { bench } = window;
  let count = 0;
  let from = new Float64Array(0);
  let to = new Float64Array(0);
  let startedMs = new Float64Array(0);

  function announce(rows) {
    for (const row of rows) count = Math.max(count, row.index + 1);
    if (2 * count <= to.length) return;
    const grow = (old, size) => {
      const array = new Float64Array(size).fill(NaN);
      array.set(old);
      return array;
    };
    from = grow(from, 2 * count);
    to = grow(to, 2 * count);
    startedMs = grow(startedMs, count);
  }

  function take(frame) {
    const view = new DataView(frame);
    const nowMs = performance.now();
    for (let at = HEADER; at < frame.byteLength; at += RECORD) {
      const index = view.getUint32(at, true);
      const lon = view.getInt32(at + 4, true) / 1e6;
      const lat = view.getInt32(at + 8, true) / 1e6;
      const isNew = !(to[2 * index] === to[2 * index]);
      from[2 * index] = isNew ? lon : to[2 * index];
      from[2 * index + 1] = isNew ? lat : to[2 * index + 1];
      to[2 * index] = lon;
      to[2 * index + 1] = lat;
      startedMs[index] = nowMs;
    }
  }

  bench.connect = () => {
    const socket = new WebSocket(`ws://${location.host}/live`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (typeof data !== "string") return take(data);
      const message = JSON.parse(data);
      if (message.units) announce(message.units);
      return undefined;
    };
  };
  bench.placed = () => to.reduce((known, value) => known + (value === value), 0) / 2;

  bench.positions = (glide) => {
    const lon = new Float64Array(count);
    const lat = new Float64Array(count);
    const nowMs = performance.now();
    let placed = 0;
    for (let index = 0; index < count; index += 1) {
      if (!(to[2 * index] === to[2 * index])) continue;
      const share = glide ? Math.min(1, (nowMs - startedMs[index]) / FIX_EVERY_MS) : 1;
      lon[placed] = from[2 * index] + (to[2 * index] - from[2 * index]) * share;
      lat[placed] = from[2 * index + 1] + (to[2 * index + 1] - from[2 * index + 1]) * share;
      placed += 1;
    }
    return { lon: lon.subarray(0, placed), lat: lat.subarray(0, placed) };
  };

  // `draw(glide)` may return a promise; the next drawing waits for it.
  bench.pace = "fixes";
  bench.start = (draw) => {
    bench.connect();
    const onTimer = async () => {
      const begunMs = performance.now();
      if (!bench.silent && bench.pace === "fixes") {
        await draw(false);
        bench.draws += 1;
      }
      setTimeout(onTimer, Math.max(0, FIX_EVERY_MS - (performance.now() - begunMs)));
    };
    const onFrame = async () => {
      if (!bench.silent && bench.pace === "frames") {
        await draw(true);
        bench.draws += 1;
      }
      if (bench.pace === "frames") requestAnimationFrame(onFrame);
      else bench.looping = false;
    };
    bench.setPace = (pace) => {
      bench.pace = pace;
      if (pace === "frames" && !bench.looping) {
        bench.looping = true;
        requestAnimationFrame(onFrame);
      }
    };
    onTimer();
  };
})();
