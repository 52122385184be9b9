// The queue of open incidents: rows by client-side transactions, cards drawn here, ages counting.
import { alarmsOf, dueOf, undeliveredOf } from "./clocks.js";
import { claimOf, untilOf } from "./claim.js";
import { alikeOf } from "./further.js";
import { isMine, isOpen } from "./live.js";
import { initials, lookersOf } from "./presence.js";
import { on, select, serverNow, state } from "./state.js";
import { count, countdown, crewName, duration, numberOf, t } from "./words.js";

const shown = new Map(); // incident_id → row as the grid has it
let api = null;
let filter = "open";

const seconds = (iso) => Date.parse(iso) / 1000;

// Most urgent first; within a grade one's own before those that are shared or offered; then the oldest.
function rank(incident) {
  const isOwn = state.config.own.includes(incident.org_code);
  return incident.grade * 1e11 + (isOwn ? 0 : 5e10) + seconds(incident.received_at);
}

function row(incident) {
  const active = incident.assignments.filter((one) => !["released", "recalled", "refused"].includes(one.stage));
  const selected = state.selection?.kind === "incident" && state.selection.incident_id === incident.incident_id;
  const lookers = lookersOf(incident.incident_id, claimOf(incident)?.by);
  return {
    face: `${incident.version}:${selected}:${lookers.shown.map((one) => one.name)}:${lookers.all}:${alikeOf(incident)}`,
    incident_id: incident.incident_id,
    order: rank(incident),
    grade: incident.grade,
    number: numberOf(incident),
    type: state.config.types[incident.incident_type] || incident.incident_type,
    place: incident.address || (incident.lon === null ? t("not located yet") : `${incident.lon.toFixed(4)}, ${incident.lat.toFixed(4)}`),
    located: incident.lon !== null,
    text: incident.text,
    stage: incident.stage,
    stageSince: seconds(incident.stage_since),
    receivedAt: seconds(incident.received_at),
    units: active.map((one) => one.unit_id),
    due: dueOf(incident),
    undelivered: undeliveredOf(incident),
    alarms: alarmsOf(incident),
    offered: incident.handover_to !== "",
    alike: alikeOf(incident),
    lookers,
    claim: incident.claim,
    selected,
  };
}

function wanted(incident) {
  if (!isOpen(incident)) return false;
  if (filter === "waiting") return incident.stage === "received";
  if (filter === "mine") return isMine(incident);
  if (filter === "supervised") return incident.supervised.length > 0;
  return true;
}

const same = (a, b) => a.face === b.face;

function refresh() {
  if (!api || !state.config) return;
  const transaction = { add: [], update: [], remove: [] };
  const seen = new Set();
  for (const incident of state.incidents.values()) {
    if (!wanted(incident)) continue;
    const next = row(incident);
    seen.add(next.incident_id);
    const old = shown.get(next.incident_id);
    if (old && same(old, next)) continue;
    transaction[old ? "update" : "add"].push(next);
    shown.set(next.incident_id, next);
  }
  for (const [id, old] of shown)
    if (!seen.has(id)) {
      transaction.remove.push(old);
      shown.delete(id);
    }
  if (transaction.add.length || transaction.update.length || transaction.remove.length) api.applyTransaction(transaction);
  document.getElementById("queue-count").textContent = count(shown.size);
  const supervised = [...state.incidents.values()].filter((incident) => isOpen(incident) && incident.supervised.length).length;
  document.getElementById("queue-supervised").textContent = supervised ? count(supervised) : "";
  const empty = document.getElementById("queue-empty");
  empty.hidden = shown.size > 0;
  if (!shown.size) empty.textContent = whyEmpty();
}

function whyEmpty() {
  if (state.scope === null) return t("Waiting for the first picture…");
  if (filter === "open") return t("No open incident in your area.");
  if (filter === "supervised") return t("Nothing is on the supervision list.");
  return t("No open incident passes this filter; {n} are open.", { n: [...state.incidents.values()].filter(isOpen).length });
}

// Ids in the order of the screen, for the keyboard.
export function order() {
  const ids = [];
  api?.forEachNodeAfterFilterAndSort((node) => ids.push(node.data.incident_id));
  return ids;
}

export function step(by) {
  const ids = order();
  if (!ids.length) return;
  const at = state.selection?.kind === "incident" ? ids.indexOf(state.selection.incident_id) : -1;
  const next = ids[Math.min(ids.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : ids.length - 1) : at + by))];
  select({ kind: "incident", incident_id: next });
}

export async function startQueue() {
  for (const topic of ["incidents-replaced", "incident", "hello", "lookers", "alike"]) on(topic, refresh);
  on("selection", (selection) => {
    refresh();
    if (selection?.kind === "incident" && api) {
      const node = api.getRowNode(selection.incident_id);
      if (node) api.ensureNodeVisible(node);
    }
  });
  for (const button of document.querySelectorAll("#queue-filter [data-filter]"))
    button.addEventListener("click", () => {
      filter = button.dataset.filter;
      for (const other of document.querySelectorAll("#queue-filter [data-filter]")) other.setAttribute("aria-pressed", String(other === button));
      refresh();
    });
  api = await window.dash_ag_grid.getApiAsync("queue");
  // A card is as high as its three lines, whatever the size of the type.
  const lineHeight = parseFloat(getComputedStyle(document.documentElement).fontSize);
  api.setGridOption("rowHeight", Math.round(lineHeight * (document.documentElement.dataset.page === "wall" ? 5.7 : 4.7)));
  api.addEventListener("rowClicked", (event) => select({ kind: "incident", incident_id: event.data.incident_id }));
  refresh();
}

// Drawn by React because the grid asks for a React component; `h` is its element maker.
export function registerCard() {
  const components = (window.dashAgGridComponentFunctions ||= {});
  components.IncidentCard = function IncidentCard({ data }) {
    const h = window.React.createElement;
    const look = `${data.selected ? " selected" : ""}${data.stage === "received" ? " waiting" : ""}${data.alarms ? " alarmed" : ""}`;
    return h(
      "div",
      { className: `card grade-${data.grade}${look}` },
      h("div", { className: "card-signs" },
        h("span", { className: `grade-sign grade-${data.grade} shape-${state.config.marks.grades[data.grade].shape}`, title: state.config.grades[data.grade] }, String(data.grade)),
        data.alarms ? h("span", { className: "alarm-sign", title: t("Alarm") }, h("span", { className: "icon bell" })) : null,
      ),
      h("div", { className: "card-main" },
        h("div", { className: "card-first" },
          h("strong", null, data.type),
          h("span", { className: "number" }, data.number),
          data.claim ? claimSign(h, data.claim) : null,
          data.lookers.all ? lookersSign(h, data.lookers) : null,
          h("span", { className: "age", "data-since": data.receivedAt, title: t("since the call was received") }, duration(serverNow() - data.receivedAt)),
        ),
        h("div", { className: "card-middle" },
          h("span", { className: `card-place${data.located ? "" : " unlocated"}` }, data.place),
          data.due ? dueSign(h, data.due) : null,
        ),
        h("div", { className: "card-last" },
          h("span", { className: `stage stage-${data.stage}` }, state.config.stages[data.stage] || data.stage),
          h("span", { className: "stage-age", "data-since": data.stageSince }, duration(serverNow() - data.stageSince)),
          data.undelivered.length ? undeliveredSign(h, data.undelivered) : null,
          data.alike ? alikeSign(h, data.alike) : null,
          data.offered ? h("span", { className: "offered" }, t("offered")) : null,
          h("span", { className: `units${data.units.length ? "" : " none"}` }, unitNames(data.units)),
        ),
      ),
    );
  };
}

// As `countdown` of layouts/parts.py draws it; the seconds go on in clocks.js.
function dueSign(h, due) {
  const left = due.at - serverNow();
  return h("span", { className: left < 0 ? `${due.name} overdue` : due.name, "data-due": due.at },
    h("i", { className: "due-sign" }),
    h("span", { className: "due-step" }, due.before),
    h("span", { className: "due-late" }, due.late),
    h("b", { className: "due-left" }, countdown(left)),
  );
}

// Initials of who has claimed it, until the claim lapses.
function claimSign(h, claim) {
  const until = untilOf(claim);
  const title = claim.by === state.scope?.name ? t("Claimed by you") : t("Claimed by {name}", { name: claim.by });
  return h("span", { className: `initials claimed${claim.by === state.scope?.name ? " own" : ""}`, title, "data-until": until, hidden: serverNow() >= until }, initials(claim.by));
}

// Initials of who else has it open.
function lookersSign(h, { shown, all }) {
  const circles = shown.map((one) => h("span", { key: `${one.org_code} ${one.name}`, className: "initials" }, initials(one.name)));
  const left = all - shown.length;
  return h("span", { className: "lookers", title: t("Also open at {names}", { names: shown.map((one) => one.name).join(", ") }) }, circles, left ? `+${left}` : null);
}

function alikeSign(h, number) {
  return h("span", { className: "alike-sign", title: t("May be the same as #{number}", { number }) }, h("span", { className: "icon merge-call" }), `#${number}`);
}

function undeliveredSign(h, waiting) {
  const names = waiting.map((one) => h("span", { key: one.unitId, "data-from": one.from, hidden: serverNow() < one.from }, callsign(one.unitId)));
  return h("span", { className: "undelivered" }, h("span", { className: "icon radio-set" }), h("b", null, t("not delivered")), ...names);
}

function unitNames(unitIds) {
  if (!unitIds.length) return t("no unit");
  return unitIds.slice(0, 2).map(callsign).join(" · ") + (unitIds.length > 2 ? ` +${unitIds.length - 2}` : "");
}

function callsign(unitId) {
  return lookup(unitId) || state.config.services[unitId] || crewName(unitId);
}

let lookup = () => null;
export function nameUnitsBy(find) {
  lookup = find;
}
