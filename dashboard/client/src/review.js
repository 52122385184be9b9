// The page of a review: its clips in step on one clock, that of the incident. Everything else there needs no program.
import { playInStep } from "./video/in_step.js";
import { clockText, dateTimeText, setWords } from "./words.js";

const holder = document.querySelector("#in-step");
if (holder) start(holder, JSON.parse(holder.dataset.inStep));

function start(root, { clips, config }) {
  setWords(config);
  const begins = Math.min(...clips.map((clip) => Date.parse(clip.start_at) / 1000));
  const ends = Math.max(...clips.map((clip) => Date.parse(clip.start_at) / 1000 + clip.duration_s));
  const [button, bar, stamp, speed] = ["button", "input", "time", "select"].map((name) => root.querySelector(name));
  let at = begins; // Unix seconds where the clock was last set
  let setMs = performance.now();
  let plays = false;
  let rate = Number(speed.value);
  const now = () => Math.min(ends, plays ? at + ((performance.now() - setMs) / 1000) * rate : at);
  const clock = () => ({ at: now(), speed: rate, playing: plays && now() < ends });
  const over = () => `${config.viewer} · ${dateTimeText(config.now_s + performance.now() / 1000)}`; // by the server's clock
  const playing = playInStep(root.querySelector(".tiles"), clock, { over });

  function set(to, play = plays) {
    at = Math.max(begins, Math.min(ends, to));
    setMs = performance.now();
    plays = play;
    draw();
    playing.follow();
  }
  function draw() {
    if (plays && now() >= ends) {
      at = ends; // else the clock would stand where it was last set
      plays = false;
      playing.follow();
    }
    button.setAttribute("aria-pressed", String(plays));
    button.textContent = plays ? "❚❚" : "▶";
    stamp.textContent = clockText(now());
    if (document.activeElement !== bar || plays) bar.value = String(now() - begins);
  }
  bar.max = String(ends - begins);
  button.addEventListener("click", () => set(now() >= ends ? begins : now(), !plays));
  bar.addEventListener("input", () => set(begins + Number(bar.value), false));
  speed.addEventListener("change", () => {
    set(now()); // by the speed until now
    rate = Number(speed.value);
  });
  setInterval(draw, 200);
  playing.show(clips);
  draw();
}
