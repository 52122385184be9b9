// Who else has which incident open: told by the server, shown in the panel and on the cards. Nothing of it is kept.
import { isWall } from "./wall.js";
import { send } from "./live.js";
import { on, serverNow, state, tell } from "./state.js";
import { duration, t } from "./words.js";

const MOST_ON_CARD = 3;

const lookersBy = new Map(); // incident_id → {lookers: [{name, org_code, since}], more}, without this account

export function startPresence() {
  if (!state.config.looks || isWall()) return; // whoever is not seen does not see either
  on("selection", look);
  on("hello", () => {
    lookersBy.clear(); // what is so now comes right after the hello
    tell("lookers");
    look();
  });
  on("lookers-told", ({ incident_id, lookers, more }) => {
    const others = lookers.filter((one) => one.name !== state.scope?.name);
    if (others.length || more) lookersBy.set(incident_id, { lookers: others, more });
    else lookersBy.delete(incident_id);
    tell("lookers");
  });
  for (const topic of ["lookers", "selection"]) on(topic, draw);
}

function look() {
  send({ type: "look", incident_id: state.selection?.kind === "incident" ? state.selection.incident_id : null });
}

// The first of those who have it open, and how many there are; without the one who is shown as its claimer.
export function lookersOf(incidentId, claimer) {
  const { lookers, more } = lookersBy.get(incidentId) || { lookers: [], more: 0 };
  const others = lookers.filter((one) => one.name !== claimer);
  return { shown: others.slice(0, MOST_ON_CARD), all: others.length + more };
}

// "desk2" D2, "li.wei" LW, "王建国" 建国: short, and neighbours stay apart.
export function initials(name) {
  if (/\p{Script=Han}/u.test(name)) return [...name].slice(-2).join("");
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  if (words.length > 1) return (words[0][0] + words[words.length - 1][0]).toUpperCase();
  return (name[0] + (/\d+$/.exec(name)?.[0].slice(-2) ?? name[1] ?? "")).toUpperCase();
}

export const organisationName = (code) => state.config.organisations[code] || code;

function draw() {
  const holder = document.getElementById("panel-lookers");
  const { lookers, more } = lookersBy.get(state.selection?.incident_id) || { lookers: [], more: 0 };
  holder.replaceChildren();
  holder.hidden = !lookers.length && !more;
  if (holder.hidden) return;
  put(holder, "looking", t("Also open at"));
  for (const one of lookers) {
    const chip = put(holder, "looker");
    put(chip, "initials", initials(one.name));
    put(chip, "name", one.name);
    put(chip, "muted", organisationName(one.org_code));
    const since = put(chip, "age", duration(serverNow() - one.since));
    since.dataset.since = one.since;
  }
  if (more) put(holder, "muted", t("and {n} more", { n: more }));
}

function put(parent, className, text = "") {
  const node = document.createElement("span");
  node.className = className;
  node.textContent = text;
  parent.append(node);
  return node;
}
