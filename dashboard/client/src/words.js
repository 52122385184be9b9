// Words, ages, durations and distances. The words come with the page's configuration: one catalogue for server and client.
let words = {};
let language = "en";
let zone = "UTC";

export function setWords(config) {
  words = config.words;
  language = config.lang;
  zone = config.time_zone;
}

export function t(text, values = {}) {
  let said = words[text] || text;
  for (const [name, value] of Object.entries(values)) said = said.replaceAll(`{${name}}`, value);
  return said;
}

export const isChinese = () => language === "zh";

// What people call an incident by; one that another system recorded has only its number there.
export const numberOf = (incident) => (incident.number ? `#${incident.number}` : incident.source_id);

// A crew of another system stands under its system's name and its own (`dispatch.past.crew_id`).
export const crewName = (id) => id.slice(id.indexOf("::") + 1 && id.indexOf("::") + 2);

// Short age or duration: 8 s, 3:05, 2 h 10. Seconds count while they matter.
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return isChinese() ? `${s}秒` : `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}`;
  return isChinese() ? `${Math.floor(s / 86400)}天` : `${Math.floor(s / 86400)} d`;
}

// Time left, or by how much it is late: 0:07. The word beside it says which.
export function countdown(left) {
  const s = left > 0 ? Math.ceil(left) : Math.floor(-left);
  return s < 3600 ? `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}` : duration(s);
}

// Coarse age for badges: never more than one unit. Of what is older than a frame can say (6,553 s) no more is known.
export function age(seconds) {
  if (seconds === Infinity) return isChinese() ? "超过1小时" : "over 1 h";
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return isChinese() ? `${s}秒` : `${s} s`;
  if (s < 3600) return isChinese() ? `${Math.floor(s / 60)}分` : `${Math.floor(s / 60)} min`;
  if (s < 86400) return isChinese() ? `${Math.floor(s / 3600)}小时` : `${Math.floor(s / 3600)} h`;
  return isChinese() ? `${Math.floor(s / 86400)}天` : `${Math.floor(s / 86400)} d`;
}

export function count(number) {
  countFormat ||= new Intl.NumberFormat(isChinese() ? "zh-CN" : "en");
  return countFormat.format(number);
}

// The day alone, as a moment of the past is named by.
export function dayText(unixS) {
  dayFormat ||= new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
  return dayFormat.format(unixS * 1000);
}

let countFormat = null;
let dayFormat = null;
let clockFormat = null;
let dateFormat = null;
let stampFormat = null;

export function clockText(unixS) {
  clockFormat ||= new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  return clockFormat.format(unixS * 1000);
}

// 2026-11-30 11:42:03: on what may be carried out of the room.
export function dateTimeText(unixS) {
  stampFormat ||= new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
  return stampFormat.format(unixS * 1000);
}

export function dateText(unixS) {
  dateFormat ||= new Intl.DateTimeFormat(isChinese() ? "zh-CN" : "en-GB", { timeZone: zone, month: isChinese() ? "long" : "short", day: "numeric", weekday: "short" });
  return dateFormat.format(unixS * 1000);
}
