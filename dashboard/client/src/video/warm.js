// A camera under the pointer is opened before it is clicked: the server then has its newest pictures, and a click shows one at once.
import { grantedStream } from "./stream.js";

const REST_MS = 150; // the pointer only passes over others
const AT_ONCE = 2;
const HELD_MS = 4_000; // unless pictures come sooner; the server keeps the camera open for a while by itself

const held = new Map(); // camera id → how to let go
let resting = 0;

// The pointer is over this camera, or over none (null).
export function hovered(cameraId) {
  clearTimeout(resting);
  if (cameraId && !held.has(cameraId) && held.size < AT_ONCE) resting = setTimeout(() => warm(cameraId), REST_MS);
}

function warm(cameraId) {
  const aborter = new AbortController();
  let socket = null;
  const letGo = () => {
    if (!held.delete(cameraId)) return;
    clearTimeout(latest);
    aborter.abort();
    socket?.close();
  };
  const latest = setTimeout(letGo, HELD_MS);
  held.set(cameraId, letGo);
  grantedStream(cameraId, "sub", aborter.signal)
    .then(({ url }) => {
      if (!held.has(cameraId)) return;
      socket = new WebSocket(new URL(url, location.href.replace(/^http/, "ws")));
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => typeof data !== "string" && letGo();
      socket.onclose = letGo;
    })
    .catch(letGo); // nobody asked for it: whoever clicks is told why
}
