// The push must be noticed: a two-tone call and vibration, repeated until someone touches the screen. Grade decides the pace.
let audio;
let timer;

// Browsers allow sound only after a touch; the page asks for one when it opens.
export function allowSound() {
  audio ??= new AudioContext();
  audio.resume();
}

export const soundAllowed = () => audio !== undefined && audio.state === "running";

export function ring(grade) {
  silence();
  const pauseMs = grade <= 2 ? 1200 : 3000;
  const once = () => {
    navigator.vibrate?.(grade <= 2 ? [300, 120, 300, 120, 300] : [250, 150, 250]);
    if (soundAllowed()) [880, 660, 880].forEach((hertz, i) => tone(hertz, audio.currentTime + i * 0.22));
  };
  once();
  timer = setInterval(once, pauseMs);
}

export function silence() {
  clearInterval(timer);
  navigator.vibrate?.(0);
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
