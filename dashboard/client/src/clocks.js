// Deadlines that run: counted here, without asking the server. What is due comes with the incidents.
import { serverNow, state } from "./state.js";
import { countdown, t } from "./words.js";

// A push is on a terminal within a second or two; after this long it has to be said by radio. As `layouts/due.py`.
const UNDELIVERED_AFTER_S = 5;

const unixS = (iso) => Date.parse(iso) / 1000;

// What a card says about the time left: others who are about to be sent, else the soonest step; null when nothing is due.
export function dueOf(incident) {
  const resend = incident.repush[0];
  if (resend) return { at: unixS(resend.at), before: t("next in"), late: t("looking for the next"), name: "due resend" };
  const deadline = incident.deadlines[0];
  return deadline ? { at: unixS(deadline.due_at), before: state.config.steps[deadline.step], late: t("overdue"), name: "due" } : null;
}

// Pushes that no terminal has taken so far, and from when on that is to be seen.
export function undeliveredOf(incident) {
  const waiting = incident.assignments.filter((one) => one.stage === "pushed" && one.delivered_at === null && !one.service);
  return waiting.map((one) => ({ unitId: one.unit_id, from: unixS(one.pushed_at) + UNDELIVERED_AFTER_S }));
}

// Late steps that somebody has to take on, each once however far up it was told.
export const alarmsOf = (incident) => new Set(incident.alarms.map((miss) => `${miss.step}:${miss.round}`)).size;

export function drawClocks(now = serverNow()) {
  for (const node of document.querySelectorAll("[data-due]")) {
    const left = Number(node.dataset.due) - now;
    node.classList.toggle("overdue", left < 0);
    put(node.querySelector(".due-left"), countdown(left));
  }
  for (const node of document.querySelectorAll("[data-from]")) node.hidden = now < Number(node.dataset.from);
  for (const node of document.querySelectorAll("[data-until]")) node.hidden = now >= Number(node.dataset.until);
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
