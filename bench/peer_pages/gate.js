// Put into every measured page before its own scripts. It lets the benchmark silence a page while another one has its turn:
// a silent page hears heartbeats only and draws nothing, but keeps its connection, its map and its warm code.
(() => {
  const HEADER = 32;
  const RECORD = 20;
  const HEARTBEAT_MS = 500;
  const nextFrame = window.requestAnimationFrame.bind(window);
  const held = []; // what wanted to draw while the page was silent
  const bench = { silent: true, records: 0, draws: 0, atMs: 0 };
  window.bench = bench;

  window.requestAnimationFrame = (callback) => (bench.silent ? -held.push(callback) : nextFrame(callback));
  window.WebSocket = class extends WebSocket {
    set onmessage(listener) {
      super.onmessage = (message) => {
        if (typeof message.data === "string") return listener(message);
        if (!bench.silent) {
          bench.records += (message.data.byteLength - HEADER) / RECORD;
          return listener(message);
        }
        if (performance.now() - bench.atMs < HEARTBEAT_MS) return undefined;
        bench.atMs = performance.now();
        return listener({ data: heartbeat(message.data) });
      };
    }
  };

  // The frame's header as that of a frame of changes without any.
  function heartbeat(frame) {
    const header = frame.slice(0, HEADER);
    new DataView(header).setUint8(3, 1);
    new DataView(header).setUint32(4, 0, true);
    return header;
  }

  bench.wake = () => {
    bench.silent = false;
    for (const callback of held.splice(0)) nextFrame(callback);
  };
  bench.hush = () => {
    bench.silent = true;
  };
  // Milliseconds between animation frames for so long.
  bench.frames = (lengthMs) =>
    new Promise((resolve) => {
      const intervals = [];
      let begin = 0;
      let last = 0;
      const look = (nowMs) => {
        if (last) intervals.push(nowMs - last);
        begin ||= nowMs;
        last = nowMs;
        if (nowMs - begin < lengthMs) nextFrame(look);
        else resolve(intervals);
      };
      nextFrame(look);
    });
})();
