// The push must be noticed: a two-tone call, vibration and a notification, repeated until someone touches the screen.
// Grade decides the pace.
const PATTERN = { urgent: [300, 120, 300, 120, 300], calm: [250, 150, 250] };
let audio;
let timer;
let lock;

// Browsers allow sound, notifications and a screen that stays on only after a touch; the page asks for one.
export async function allowSound() {
  audio ??= new AudioContext();
  await audio.resume();
  keepScreenOn();
  if ("Notification" in window && Notification.permission === "default") await Notification.requestPermission();
}

export const soundAllowed = () => audio !== undefined && audio.state === "running";

// A phone that sleeps hears no push: the screen stays on while the page is in front.
export async function keepScreenOn() {
  if (document.hidden || !navigator.wakeLock || (lock && !lock.released)) return;
  // Refused when the battery is low; the page works without.
  lock = await navigator.wakeLock.request("screen").catch(() => undefined);
}

export function ring(grade, title, body) {
  silence();
  const urgent = grade <= 2;
  const once = () => {
    navigator.vibrate?.(urgent ? PATTERN.urgent : PATTERN.calm);
    if (soundAllowed()) [880, 660, 880].forEach((hertz, i) => tone(hertz, audio.currentTime + i * 0.22));
  };
  once();
  timer = setInterval(once, urgent ? 1200 : 3000);
  if (document.hidden) notify(title, body);
}

export function chime() {
  navigator.vibrate?.(200);
  if (soundAllowed()) tone(520, audio.currentTime);
}

export function silence() {
  clearInterval(timer);
  timer = undefined;
  navigator.vibrate?.(0);
}

async function notify(title, body) {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const worker = await navigator.serviceWorker?.getRegistration();
  await worker?.showNotification(title, { body, tag: "push", renotify: true, requireInteraction: true, icon: "/terminal/icon.svg" });
}

function tone(hertz, at) {
  const oscillator = new OscillatorNode(audio, { frequency: hertz, type: "triangle" });
  const gain = new GainNode(audio, { gain: 0 });
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(0.5, at + 0.02);
  gain.gain.linearRampToValueAtTime(0, at + 0.2);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + 0.21);
}
