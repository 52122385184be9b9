// The time bar: how much happened when, and where in it this page is. Dragged, clicked or written into, it shows that moment.
import { inNextFrame, token } from "./draw.js";
import { faster, inReplay, leave, loop, seek, setPlaying, setSpeed, SPEEDS, step } from "./replay.js";
import { isoOf, on, presentNow, serverNow, state, tell } from "./state.js";
import { clockText, dayText, t } from "./words.js";

const HOUR_S = 3600;
const AGAIN_MS = 60_000; // what is kept grows meanwhile
const WAIT_MS = 200;
const BIN_PX = 4;
const TICKS_S = [60, 300, 900, 1800, HOUR_S, 3 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S, 86_400, 7 * 86_400, 30 * 86_400];
const TICK_PX = 90;
const NARROWEST_S = 600;
const BACK_S = 300; // where a replay begins that nobody has dragged anywhere

const el = (id) => document.getElementById(id);

let extent = null; // {from, to} Unix s: what is kept
let spanS = 24 * HOUR_S;
let centre = null; // Unix s in the middle of the bar; null: the present stands at its right end
let density = null;
let pending = 0;
let loopFrom = null; // first end of a loop, until the second is set
let dragging = false;
let [width, height, font] = [0, 0, ""]; // of the track, noted when it changes: to ask for them lays the page out, in the middle of a jump

export function startTimeBar() {
  fillSpeeds();
  const field = Object.assign(document.createElement("input"), { type: "datetime-local", step: 1, id: "time-bar-at", title: t("Any moment that is kept, by the city's clock") });
  el("time-bar-at-box").append(field);
  const canvas = el("time-bar-track");
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    dragging = true;
    go(event);
  });
  canvas.addEventListener("pointermove", (event) => (dragging ? go(event) : hint(event)));
  canvas.addEventListener("pointerup", () => (dragging = false));
  canvas.addEventListener("pointercancel", () => (dragging = false));
  canvas.addEventListener("wheel", zoom, { passive: false });
  el("time-bar-live").addEventListener("click", leave);
  el("time-bar-play").addEventListener("click", togglePlay);
  el("time-bar-previous").addEventListener("click", (event) => step("previous", event.shiftKey));
  el("time-bar-next").addEventListener("click", (event) => step("next", event.shiftKey));
  el("time-bar-loop").addEventListener("click", markLoop);
  el("time-bar-link").addEventListener("click", copyLink);
  el("time-bar-speed").addEventListener("change", (event) => setSpeed(Number(event.target.value)));
  el("time-bar-at").addEventListener("change", (event) => {
    const at = unixOf(event.target.value);
    if (Number.isFinite(at)) seek(at); // also where nothing is kept, or not yet: the band says so
  });
  new ResizeObserver(() => {
    [width, height, font] = [canvas.clientWidth, canvas.clientHeight, `10px ${getComputedStyle(canvas).fontFamily}`];
    soon();
  }).observe(canvas);
  const drawSoon = inNextFrame(draw);
  for (const topic of ["replay-clock", "replay-mode"]) on(topic, drawSoon);
  setInterval(draw, 500);
  setInterval(load, AGAIN_MS);
  load();
}

export function togglePlay() {
  if (inReplay()) setPlaying(!state.replay.playing);
  else seek(within(presentNow() - BACK_S), { playing: true });
}

// The first press marks where a loop begins, the second where it ends, the third ends it.
export function markLoop() {
  if (!inReplay()) return;
  if (state.replay.loop) loop(null, null);
  else if (loopFrom === null) loopFrom = serverNow();
  else if (serverNow() !== loopFrom) {
    loop(Math.min(loopFrom, serverNow()), Math.max(loopFrom, serverNow()));
    loopFrom = null;
    setPlaying(true);
  }
  draw();
}

function fillSpeeds() {
  for (const speed of SPEEDS) {
    const option = document.createElement("option");
    option.value = String(speed);
    option.textContent = `${speed}×`;
    el("time-bar-speed").append(option);
  }
}

const within = (at) => Math.min(Math.max(at, extent?.from ?? at), presentNow() - 2);

// ---- what it spans ---------------------------------------------------------------------------------------------------------
function bounds() {
  const now = presentNow();
  const to = centre === null ? now : Math.min(now, centre + spanS / 2);
  return { from: to - spanS, to };
}

function zoom(event) {
  event.preventDefault();
  const { from, to } = bounds();
  const share = event.offsetX / event.target.clientWidth;
  const under = from + share * (to - from);
  const widest = Math.max(24 * HOUR_S, presentNow() - (extent?.from ?? presentNow()));
  spanS = Math.min(widest, Math.max(NARROWEST_S, spanS * 1.25 ** Math.sign(event.deltaY)));
  const middle = under + (0.5 - share) * spanS;
  centre = middle + spanS / 2 >= presentNow() ? null : middle;
  soon();
  draw();
}

// The moment that is shown stays in sight, also where it was reached otherwise.
function keepInSight(at) {
  const { from, to } = bounds();
  if (at >= from && at <= to) return;
  centre = at + spanS / 2 >= presentNow() ? null : at;
  soon();
}

function timeAt(event) {
  const { from, to } = bounds();
  const share = Math.min(1, Math.max(0, event.offsetX / el("time-bar-track").clientWidth));
  return from + share * (to - from);
}

function go(event) {
  const at = timeAt(event);
  seek(within(at), { playing: false });
}

function hint(event) {
  const at = timeAt(event);
  el("time-bar-track").title = `${dayText(at)} ${clockText(at)}`;
}

// ---- the server ---------------------------------------------------------------------------------------------------------
function soon() {
  clearTimeout(pending);
  pending = setTimeout(load, WAIT_MS);
}

async function load() {
  if (document.hidden) return;
  const { from, to } = bounds();
  const bins = Math.max(10, Math.min(1000, Math.floor(el("time-bar-track").clientWidth / BIN_PX)));
  const query = new URLSearchParams({ from: isoOf(from), to: isoOf(to), bins: String(bins) });
  if (state.config.desk) query.set("scope", state.config.desk);
  const [kept, found] = await Promise.all(["extent", `density?${query}`].map((what) => fetch(`/api/v1/history/${what}`).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null)));
  if (kept) extent = { from: kept.from === null ? presentNow() : Date.parse(kept.from) / 1000, to: Date.parse(kept.to) / 1000 };
  const spans = (told) => told.map((span) => ({ from: Date.parse(span.from) / 1000, to: Date.parse(span.to) / 1000 }));
  if (found) {
    density = { from: Date.parse(found.from) / 1000, binS: found.bin_s, events: found.events, alarms: found.alarms };
    Object.assign(density, { nothing: spans(found.nothing_recorded), noPositions: spans(found.no_positions) });
  }
  el("time-bar").classList.toggle("unknown", !found);
  draw();
}

// ---- drawing ------------------------------------------------------------------------------------------------------------
function put(id, text) {
  const node = el(id);
  if (node.textContent !== text) node.textContent = text;
}

function draw() {
  const at = inReplay() ? serverNow() : null;
  if (at !== null) keepInSight(at);
  else loopFrom = null;
  drawTrack(at);
  drawControls(at);
}

function drawControls(at) {
  const replay = state.replay;
  el("time-bar-live").setAttribute("aria-pressed", String(!replay));
  for (const id of ["time-bar-previous", "time-bar-next", "time-bar-loop", "time-bar-speed", "time-bar-link"]) el(id).disabled = !replay;
  el("time-bar-play").classList.toggle("playing", Boolean(replay?.playing));
  el("time-bar-play").title = !replay ? t("Replay the last five minutes (T)") : replay.playing ? t("Pause (Space)") : t("Play (Space)");
  el("time-bar-loop").setAttribute("aria-pressed", String(Boolean(replay?.loop)));
  el("time-bar-loop").classList.toggle("half", loopFrom !== null);
  if (replay && SPEEDS.includes(replay.speed) && document.activeElement !== el("time-bar-speed")) el("time-bar-speed").value = String(replay.speed);
  if (document.activeElement !== el("time-bar-at")) el("time-bar-at").value = localOf(at ?? presentNow());
  el("replay-band").hidden = !replay;
  if (!replay) return;
  put("replay-time", `${dayText(at)} ${clockText(at)}`);
  put("replay-speed", replay.playing ? `×${replay.speed}` : t("paused"));
  const note = noteOf(at);
  put("replay-note", note);
  el("replay-note").hidden = !note;
}

// What must be known before the screen is believed: an empty map says nothing of a time of which nothing was recorded.
function noteOf(at) {
  const isIn = (span) => at >= span.from && at < span.to;
  if (state.replay.isAhead) return t("The moment asked for has not come yet; this was the newest there was.");
  if (density?.nothing.some(isIn)) return t("Nothing was recorded around this moment: what happened then is not known.");
  return density?.noPositions.some(isIn) ? t("No position was recorded around this moment: crews stand where they were last heard, or are missing, and coverage with them.") : "";
}

function drawTrack(at) {
  const canvas = el("time-bar-track");
  if (!width || !height) return;
  const pen = canvas.getContext("2d");
  const ratio = devicePixelRatio;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    pen.font = font;
  }
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const { from, to } = bounds();
  const x = (time) => ((time - from) / (to - from)) * width;
  drawUnknown(pen, x, height);
  drawSpan(pen, x, height);
  drawTicks(pen, x, from, to, width, height);
  drawDensity(pen, x, height - 14);
  if (at !== null) {
    pen.fillStyle = token("past");
    pen.fillRect(x(at) - 1, 0, 2, height);
    pen.beginPath();
    pen.moveTo(x(at) - 6, 0);
    pen.lineTo(x(at) + 6, 0);
    pen.lineTo(x(at), 8);
    pen.fill();
  } else {
    pen.fillStyle = token("good");
    pen.fillRect(Math.min(width, x(presentNow())) - 2, 0, 2, height);
  }
}

// Times of which positions are lacking are shaded, those of which everything is lacking more.
function drawUnknown(pen, x, height) {
  pen.fillStyle = token("line");
  for (const [spans, alpha] of [[density?.noPositions, 0.35], [density?.nothing, 0.5]]) {
    pen.globalAlpha = alpha;
    for (const span of spans ?? []) pen.fillRect(x(span.from), 0, x(span.to) - x(span.from), height);
  }
  pen.globalAlpha = 1;
}

function drawSpan(pen, x, height) {
  const span = state.replay?.loop ?? (loopFrom !== null ? { from: Math.min(loopFrom, serverNow()), to: Math.max(loopFrom, serverNow()) } : null);
  if (!span) return;
  pen.fillStyle = token("past");
  pen.globalAlpha = 0.22;
  pen.fillRect(x(span.from), 0, Math.max(2, x(span.to) - x(span.from)), height);
  pen.globalAlpha = 1;
}

function drawDensity(pen, x, height) {
  if (!density) return;
  // By the square root, so that a quiet hour is seen beside a storm.
  const most = Math.sqrt(Math.max(4, ...density.events));
  const wide = Math.max(1, x(density.from + density.binS) - x(density.from) - 1);
  for (const [series, colour] of [["events", "faint"], ["alarms", "bad"]]) {
    pen.fillStyle = token(colour);
    density[series].forEach((number, k) => {
      if (!number) return;
      const tall = Math.max(2, (Math.sqrt(number) / most) * (height - 2));
      pen.fillRect(x(density.from + k * density.binS), height - tall, wide, tall);
    });
  }
}

function drawTicks(pen, x, from, to, width, height) {
  const step = TICKS_S.find((seconds) => (seconds / (to - from)) * width >= TICK_PX) ?? TICKS_S[TICKS_S.length - 1];
  const shift = offsetS(from); // ticks stand at whole hours of the city
  for (let time = Math.ceil((from + shift) / step) * step - shift; time < to; time += step) {
    pen.fillStyle = token("line");
    pen.fillRect(x(time), 0, 1, height - 12);
    pen.fillStyle = token("muted");
    const isDay = (time + shift) % 86_400 === 0;
    pen.fillText(isDay || step >= 86_400 ? dayText(time) : clockText(time).slice(0, 5), x(time) + 3, height - 2);
  }
}

// ---- the city's time of day -----------------------------------------------------------------------------------------------
// Seconds by which clocks of the city are ahead of UTC at an instant.
function offsetS(at) {
  return Date.parse(`${localOf(at)}Z`) / 1000 - Math.floor(at);
}

let format = null;
function localOf(at) {
  format ||= new Intl.DateTimeFormat("en-CA", { timeZone: state.config.time_zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const parts = Object.fromEntries(format.formatToParts(Math.floor(at) * 1000).map((part) => [part.type, part.value]));
  return `${parts.year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}:${parts.second}`;
}

function unixOf(local) {
  const asUtc = Date.parse(`${local}Z`) / 1000;
  return asUtc - offsetS(asUtc);
}

// ---- the link -------------------------------------------------------------------------------------------------------------
async function copyLink() {
  tell("write-address");
  const link = location.href;
  // Browsers keep the clipboard from pages that came by plain http, and a person or a policy may.
  const copied = (await navigator.clipboard?.writeText(link).then(() => true, () => false)) ?? false;
  tell("toast", { kind: "good", text: copied ? t("The link to this moment is copied.") : t("The link to this moment stands in the address bar.") });
}

export const timeBarKeys = {
  t: togglePlay, // also where nothing is replayed yet; Space alone would be too easily pressed by a sleeve
  l: leave,
  " ": togglePlay,
  ArrowLeft: (ofSelected) => step("previous", ofSelected),
  ArrowRight: (ofSelected) => step("next", ofSelected),
  "<": () => faster(-1),
  ",": () => faster(-1),
  ">": () => faster(1),
  ".": () => faster(1),
  r: markLoop,
};
