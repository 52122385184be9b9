// The server's time, as well as this phone knows it: a phone's clock may be minutes off, and times go on record.
const KEY = "clock-ahead-ms";
let aheadMs = Number(localStorage.getItem(KEY) ?? 0);

// The server said `serverAt` (Unix seconds) in an answer to what was asked `roundTripMs` ago.
export function hearServerTime(serverAt, roundTripMs = 0) {
  aheadMs = Math.round(serverAt * 1000 + roundTripMs / 2 - Date.now());
  localStorage.setItem(KEY, aheadMs);
}

// What is to be added to this phone's own clock; null while it has never heard the server's.
export const clockAheadMs = () => (localStorage.getItem(KEY) === null ? null : aheadMs);

export const nowMs = () => Date.now() + aheadMs;

// An instant of this phone's clock, as the server would have stamped it; never later than now.
export const stamp = (phoneMs = Date.now()) => new Date(Math.min(phoneMs + aheadMs, nowMs())).toISOString();
