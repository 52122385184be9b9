// Response times of today on a wall that shows them: asked for each minute; what is old says so and turns pale.
import { serverNow, state } from "./state.js";
import { clockText, count, t } from "./words.js";

const EACH_MS = 60_000;
const OLD_AFTER_S = 180;
let askedAt = null; // server time of the figures that are shown

export function startWallKpi(isShown, config) {
  if (!isShown) return;
  const ask = async () => {
    const from = new Date((serverNow() - sinceMidnight(serverNow())) * 1000).toISOString();
    const isCity = !config.desk;
    const query = new URLSearchParams({ from, group_by: isCity ? "county" : "station", ...(isCity ? {} : { org: config.desk }) });
    const answer = await fetch(`/api/v1/kpis?${query}`).catch(() => null);
    if (!answer?.ok) return;
    askedAt = serverNow();
    draw(await answer.json(), config.organisations);
  };
  setInterval(sayAge, 1_000);
  // The first figures as soon as the server's clock is known.
  const first = setInterval(() => {
    if (!state.connected) return;
    clearInterval(first);
    ask();
    setInterval(ask, EACH_MS);
  }, 500);
}

function sinceMidnight(unixS) {
  const [hours, minutes, seconds] = clockText(unixS).split(":").map(Number);
  return hours * 3600 + minutes * 60 + seconds + (unixS % 1);
}

function draw(found, organisations) {
  for (const node of document.querySelectorAll("[data-kpi]")) {
    const [stage, field] = node.dataset.kpi.split(":");
    node.textContent = field ? figure(found.total, stage, field) : count(found.total.incidents);
  }
  const rows = found.groups.map((group) => {
    const cells = [organisations[group.key] ?? group.key, count(group.incidents), figure(group, "first_arrival", "p50_s"), figure(group, "acknowledge", "within_target"), figure(group, "arrive", "within_target")];
    const row = document.createElement("tr");
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return row;
  });
  document.getElementById("wall-kpi-rows").replaceChildren(...rows);
  sayAge();
}

function figure(group, name, field) {
  const value = group.stages.find((one) => one.stage === name)?.[field];
  if (value === null || value === undefined) return "–";
  if (field === "within_target") return `${Math.round(value * 100)} %`;
  const whole = Math.round(value);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function sayAge() {
  const node = document.getElementById("wall-kpi-age");
  const isOld = askedAt !== null && serverNow() - askedAt > OLD_AFTER_S;
  node.textContent = askedAt === null ? t("Figures are being read.") : t("as of {time}", { time: clockText(askedAt) });
  document.getElementById("wall-kpi").classList.toggle("old", isOld);
}
