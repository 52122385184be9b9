"""From glass to glass: a camera whose pictures carry the time they were taken, and a reader of that time on another page's screen."""

from __future__ import annotations

CELLS = 40  # bits of the Unix time in ms, the highest first

# Replaces the page's camera with the same pictures and a line of 40 black or white cells drawn into them just before they are recorded.
STAMPED_CAMERA = f"""
(() => {{
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {{
    const camera = await real(wanted);
    const [track] = camera.getVideoTracks();
    const {{ width = 640, height = 360 }} = track.getSettings();
    const video = Object.assign(document.createElement("video"), {{ srcObject: camera, muted: true, playsInline: true }});
    await video.play();
    const canvas = Object.assign(document.createElement("canvas"), {{ width, height }});
    const pen = canvas.getContext("2d", {{ alpha: false }});
    const stamped = canvas.captureStream(0);
    const [out] = stamped.getVideoTracks();
    const stop = out.stop.bind(out);
    let over = false;
    out.stop = () => {{ over = true; track.stop(); stop(); }};
    let drawnMs = 0;
    const draw = () => {{
      if (over) return;
      const nowMs = performance.now();
      if (nowMs - drawnMs > 38) {{
        drawnMs = nowMs;
        pen.drawImage(video, 0, 0, width, height);
        const now = BigInt(Date.now());
        const cell = width / {CELLS};
        for (let bit = 0; bit < {CELLS}; bit += 1) {{
          pen.fillStyle = (now >> BigInt({CELLS} - 1 - bit)) & 1n ? "#fff" : "#000";
          pen.fillRect(bit * cell, height - 32, cell, 32);
        }}
        out.requestFrame();
      }}
      requestAnimationFrame(draw);
    }};
    draw();
    return stamped;
  }};
}})();
"""

# Reads it from the first element that `selector` finds: for each picture put on the screen, how many ms ago it was taken.
READ_DELAYS = f"""
([selector, wanted, withinMs]) => new Promise((resolve) => {{
  const video = document.querySelector(selector);
  const canvas = Object.assign(document.createElement("canvas"), {{ width: 640, height: 360 }});
  const pen = canvas.getContext("2d", {{ alpha: false, willReadFrequently: true }});
  const delays = [];
  const giveUpAt = performance.now() + withinMs;
  const done = () => resolve(delays);
  const timer = setTimeout(done, withinMs);
  const read = () => {{
    pen.drawImage(video, 0, 0, 640, 360);
    const {{ data }} = pen.getImageData(0, 360 - 16, 640, 1);
    let taken = 0n;
    for (let bit = 0; bit < {CELLS}; bit += 1) taken = (taken << 1n) | (data[4 * Math.floor((bit + 0.5) * 640 / {CELLS})] > 127 ? 1n : 0n);
    const now = BigInt(Date.now());
    const base = now - (now & ((1n << {CELLS}n) - 1n));
    delays.push(Number(now - (base | taken)));
    if (delays.length >= wanted || performance.now() > giveUpAt) {{ clearTimeout(timer); done(); }}
    else video.requestVideoFrameCallback(read);
  }};
  video.requestVideoFrameCallback(read);
}})
"""
FAKE_CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
