// Alarms that are heard: one incident at a time, the most urgent first, its grade told by the tone. Only at a desk, only after
// somebody there has allowed sound, and until the alarm is taken on. There is no way to silence several at once.
import { isMine, isOpen } from "./live.js";
import { on, state } from "./state.js";
import { t } from "./words.js";

const ALLOWED = "liandong.sound"; // in localStorage: "on" when the operator wants to hear alarms
const LOOK_EVERY_MS = 250;
const FADE_S = 0.03; // a tone that is cut off at once clicks

// Hertz of the notes, how long one sounds, and how often the row is repeated: the more urgent, the higher, faster, denser.
const TONES = {
  1: { notes: [988, 740, 988, 740, 988, 740], noteS: 0.13, everyMs: 2_000 },
  2: { notes: [784, 587, 784], noteS: 0.19, everyMs: 3_500 },
  3: { notes: [523, 440], noteS: 0.28, everyMs: 8_000 },
  4: { notes: [392], noteS: 0.4, everyMs: 12_000 },
};

// What sounds now; for browser tests, nothing in the page reads it.
export const sounding = { incident_id: null, grade: null, rows: 0 };

let context = null;
let row = null; // gain of the notes that are under way
let nextAt = 0; // performance.now() of the next row

const allowed = () => localStorage.getItem(ALLOWED) === "on";
const running = () => context?.state === "running";

export function startAlarm() {
  const button = document.getElementById("sound-switch");
  button.addEventListener("click", () => {
    localStorage.setItem(ALLOWED, allowed() ? "off" : "on");
    if (allowed()) {
      wake(button);
      play(TONES[4]); // so that one knows it can be heard
    }
    draw(button);
    look();
  });
  // Browsers give a page its voice only once somebody has touched it: after a reload the first key or click will do.
  for (const touch of ["pointerdown", "keydown"]) addEventListener(touch, () => allowed() && wake(button), { capture: true });
  for (const topic of ["incidents-replaced", "incident"]) on(topic, look);
  setInterval(look, LOOK_EVERY_MS);
  if (allowed()) wake(button);
  draw(button);
}

function wake(button) {
  context ||= new AudioContext();
  context.onstatechange = () => draw(button);
  if (!running()) context.resume();
}

function draw(button) {
  const waiting = allowed() && !running();
  button.setAttribute("aria-pressed", String(allowed()));
  button.classList.toggle("waiting", waiting);
  button.title = !allowed() ? t("Alarms are silent: click to hear them") : waiting ? t("Sound begins with the next click or key") : t("Alarms are heard: click to silence this desk");
}

// The one alarm to be heard: of an incident this desk was told of or sent somebody to, the most urgent and then the oldest.
function loudest() {
  const heard = [...state.incidents.values()].filter((incident) => isOpen(incident) && incident.alarms.length && concernsThisDesk(incident));
  const firstDue = (incident) => Date.parse(incident.alarms[0].due_at);
  return heard.sort((a, b) => a.grade - b.grade || firstDue(a) - firstDue(b))[0] ?? null;
}

function concernsThisDesk(incident) {
  return isMine(incident) || incident.alarms.some((miss) => miss.org_code === state.scope?.org_code);
}

function look() {
  const incident = allowed() && running() && !state.replay ? loudest() : null;
  if ((incident?.incident_id ?? null) !== sounding.incident_id) {
    hush();
    nextAt = 0;
  }
  sounding.incident_id = incident?.incident_id ?? null;
  sounding.grade = incident?.grade ?? null;
  if (!incident || performance.now() < nextAt) return;
  nextAt = performance.now() + TONES[incident.grade].everyMs;
  sounding.rows += 1;
  play(TONES[incident.grade]);
}

function play({ notes, noteS }) {
  hush();
  row = context.createGain();
  row.connect(context.destination);
  notes.forEach((hertz, k) => {
    const from = context.currentTime + k * noteS;
    const oscillator = new OscillatorNode(context, { type: "triangle", frequency: hertz });
    const volume = new GainNode(context, { gain: 0 });
    volume.gain.setTargetAtTime(0.35, from, FADE_S / 3);
    volume.gain.setTargetAtTime(0, from + noteS - FADE_S, FADE_S / 3);
    oscillator.connect(volume).connect(row);
    oscillator.start(from);
    oscillator.stop(from + noteS + FADE_S);
  });
}

// One short note for what has come in and is no alarm; never into an alarm that is being heard.
export function chime() {
  if (allowed() && running() && !state.replay && sounding.incident_id === null) play(TONES[4]);
}

function hush() {
  row?.gain.setTargetAtTime(0, context.currentTime, FADE_S / 3);
  row = null;
}
