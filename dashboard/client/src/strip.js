// The strip on top: clock of the city, connection, feeds, counts; and the banner that nobody can overlook.
import { alarmsOf, drawClocks } from "./clocks.js";
import { inNextFrame } from "./draw.js";
import { fleet } from "./fleet.js";
import { isOpen } from "./live.js";
import { on, serverNow, silentMs, state } from "./state.js";
import { organisationName } from "./presence.js";
import { isWall } from "./wall.js";
import { age, clockText, count, dateText, duration, t } from "./words.js";

const MOST_NAMED = 3; // in the banner

const byId = (id) => document.getElementById(id);

function put(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

export function startStrip() {
  for (const topic of ["connection", "undrawn"]) on(topic, drawConnection);
  on("health", () => {
    drawFeeds();
    drawConnection();
  });
  for (const topic of ["incidents-replaced", "incident"]) on(topic, drawIncidents);
  on("fleet", drawUnits);
  on("moved", (statusChanged) => statusChanged && drawUnits());
  setInterval(tick, 1_000);
  setInterval(() => state.replay?.playing && tick(), 200); // a replay's seconds are short
  on("replay-clock", inNextFrame(tick));
  tick();
}

function tick() {
  const now = serverNow();
  put(byId("clock-time"), clockText(now));
  put(byId("clock-date"), dateText(now));
  for (const node of document.querySelectorAll("[data-since]")) put(node, duration(now - Number(node.dataset.since)));
  for (const node of document.querySelectorAll("[data-age-of]")) put(node, age(now - Number(node.dataset.ageOf)));
  drawClocks(now);
  drawUnits();
  drawConnection();
  drawBoundUnits(now);
}

function drawConnection() {
  const silentS = silentMs() / 1000;
  const lost = !state.connected;
  const everHeard = state.heardAt > 0;
  document.documentElement.classList.toggle("lost", lost);
  const banner = byId("banner");
  const feedsThat = (how) => (state.health?.feeds || []).filter((feed) => feed.state === how).map((feed) => feed.name).join(", ");
  const runOut = rostersRunOut();
  const [silentFeeds, refusedFeeds] = [feedsThat("silent"), feedsThat("refused")];
  const badge = byId("connection");
  badge.className = `badge ${lost ? "bad" : state.replay ? "past" : "good"}`;
  put(badge.querySelector(".word"), lost ? t("not live") : state.replay ? t("replay") : t("live"));
  banner.hidden = !lost && !state.undrawn && !silentFeeds && !refusedFeeds && !runOut;
  banner.classList.toggle("warn", !lost && !state.undrawn);
  if (lost) {
    const at = everHeard ? t("The map stands still since {time}, {age} ago.", { time: clockText(serverNow() - silentS), age: age(silentS) }) : t("No picture has come yet.");
    put(banner.querySelector(".word"), `${t("Connection lost.")} ${at} ${t("Trying again by itself.")}`);
  } else if (state.undrawn) {
    put(banner.querySelector(".word"), isWall() ? t("The map does not show everything. This screen starts again by itself.") : t("The map does not show everything. Load this page again (F5)."));
  } else {
    const said = [
      silentFeeds && t("No word from feed {names}: what it shows is old.", { names: silentFeeds }),
      refusedFeeds && t("All that feed {names} sends is refused: what it shows is old. The health page says why.", { names: refusedFeeds }),
      runOut && t("The roster of {names} has run out: nobody there is on duty.", { names: runOut }),
    ];
    put(banner.querySelector(".word"), said.filter(Boolean).join(" "));
  }
}

// Own organisations that keep a roster and have planned nothing any more.
function rostersRunOut() {
  const codes = Object.keys(state.health?.parts?.duty?.run_out || {}).filter((code) => state.config.own.includes(code));
  const names = codes.slice(0, MOST_NAMED).map(organisationName).join(", ");
  return codes.length > MOST_NAMED ? `${names} ${t("and {n} more", { n: codes.length - MOST_NAMED })}` : names;
}

function drawFeeds() {
  const holder = byId("feeds");
  const feeds = state.health?.feeds || [];
  while (holder.children.length > feeds.length) holder.lastChild.remove();
  const states = { ok: t("heard in time"), late: t("late"), silent: t("silent"), refused: t("all of it refused"), never: t("never heard") };
  feeds.forEach((feed, k) => {
    const badge = holder.children[k] || holder.appendChild(feedBadge());
    const word = { ok: "good", late: "warn", silent: "bad", refused: "bad", never: "off" }[feed.state] || "off";
    badge.className = `badge ${word}`;
    const since = feed.heardAt === null ? "" : ` · ${age(serverNow() - feed.heardAt)}`;
    badge.title = t("Feed {name}: {state}", { name: feed.name, state: states[feed.state] }) + since;
    put(badge.querySelector(".word"), feed.name);
    const heard = badge.querySelector(".age");
    if (feed.heardAt !== null) heard.dataset.ageOf = String(feed.heardAt);
    else put(heard, t("never heard"));
  });
}

function feedBadge() {
  const badge = document.createElement("span");
  for (const name of ["mark", "word", "age"]) {
    const part = document.createElement("span");
    part.className = name;
    badge.append(part);
  }
  return badge;
}

function drawIncidents() {
  const counts = { 1: 0, 2: 0, 3: 0, 4: 0 };
  let alarmed = 0;
  for (const incident of state.incidents.values())
    if (isOpen(incident)) {
      counts[incident.grade] += 1;
      if (alarmsOf(incident)) alarmed += 1;
    }
  for (const [grade, number] of Object.entries(counts)) drawCount(`[data-grade-count="${grade}"]`, number);
  drawCount("[data-alarm-count]", alarmed);
}

function drawCount(nodes, number) {
  for (const node of document.querySelectorAll(nodes)) {
    put(node, count(number));
    node.parentElement.classList.toggle("zero", number === 0);
  }
}

function drawUnits() {
  const counts = new Array(state.config.marks.statuses.length).fill(0);
  let total = 0;
  for (let index = 0; index < fleet.count; index += 1)
    if (fleet.rows[index]) {
      total += 1;
      counts[fleet.status[index]] += 1;
    }
  for (const node of document.querySelectorAll("[data-unit-total]")) put(node, count(total));
  state.config.marks.statuses.forEach((status, k) => {
    for (const node of document.querySelectorAll(`[data-status-count="${status.id}"]`)) put(node, count(counts[k]));
  });
}

// Live values inside the panel: speed, position age and the like of one unit.
function drawBoundUnits(now) {
  for (const node of document.querySelectorAll("[data-unit-value]")) {
    const index = fleet.indexById.get(node.dataset.unit);
    if (index === undefined) continue;
    const values = {
      speed: () => (Number.isFinite(fleet.speed[index]) ? `${fleet.speed[index]} km/h` : "–"),
      heading: () => (Number.isFinite(fleet.heading[index]) ? `${Math.round(fleet.heading[index])}°` : "–"),
      heard: () => age(now - fleet.heardAt[index]),
      fix: () => age(now - fleet.fixAt[index]),
      place: () => (fleet.to[2 * index] === fleet.to[2 * index] ? `${fleet.to[2 * index].toFixed(5)}, ${fleet.to[2 * index + 1].toFixed(5)}` : t("no position yet")),
    };
    put(node, values[node.dataset.unitValue]());
  }
}
