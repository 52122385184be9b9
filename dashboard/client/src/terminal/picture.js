// What the page shows: what the server has said, with what has been pressed here and not been answered yet laid over it.
export const STAGES = ["pushed", "acknowledged", "en_route", "on_scene", "feedback"];
const STEPS = {
  acknowledge: ["acknowledged", "acknowledged_at"], depart: ["en_route", "departed_at"],
  arrive: ["on_scene", "arrived_at"], feedback: ["feedback", "feedback_at"],
};
const ENDS = new Set(["refuse", "clear"]);

const ENDED = new Set(["released", "recalled", "refused"]);

// A stage that this page does not know is none of those that end it: the server says so with a recall.
export const isActive = (assignment) => Boolean(assignment) && !ENDED.has(assignment.stage);

export const ownAssignment = (incident, unitId) => incident?.assignments.findLast((a) => a.unit_id === unitId);

// The assignment with the stages of unanswered commands; `waiting` names the instants that the server has not confirmed.
// Null when there is none, or when it has been refused or cleared here.
export function shownAssignment(incident, unitId, rows) {
  const assignment = ownAssignment(incident, unitId);
  if (!isActive(assignment)) return null;
  const shown = { ...assignment, waiting: new Set() };
  for (const row of rows) {
    if (row.assignmentId !== assignment.assignment_id) continue;
    if (ENDS.has(row.command)) return null;
    const [stage, instant] = STEPS[row.command] ?? [];
    if (!stage || shown[instant]) continue;
    shown[instant] = row.happenedAt;
    shown.waiting.add(instant);
    // Whether an unknown stage comes before or after is not for this page to say.
    if (STAGES.includes(shown.stage) && STAGES.indexOf(stage) > STAGES.indexOf(shown.stage)) shown.stage = stage;
  }
  return shown;
}

// When this crew is asked whether all is well (ms), null while it is not: as the server says, or later by what was answered here and waits.
export function askedAt(incident, assignment, rows) {
  const clock = incident?.check_ins?.find((one) => one.assignment_id === assignment?.assignment_id);
  if (!clock || assignment.stage !== "on_scene") return null;
  const answers = rows.filter((row) => row.command === "check_in" && row.assignmentId === assignment.assignment_id);
  return Math.max(Date.parse(clock.ask_at), ...answers.map((row) => Date.parse(row.happenedAt) + clock.every_s * 1000));
}

// The check-list for incidents of this type: its own, else the general one, else none.
export const checklistFor = (lists, type) => lists.find((list) => list.incident_types.includes(type)) ?? lists.find((list) => !list.incident_types.length) ?? null;

// What goes up with the feedback: the outcome where one was chosen, and of each item of the list whether it was done.
export function feedbackForm(outcome, list, checks) {
  const form = outcome ? { disposition: outcome.id } : {};
  return list ? { ...form, checks: Object.fromEntries(list.item.map(({ id }) => [id, Boolean(checks[id])])) } : form;
}

export function shownStatus(unit, rows) {
  return rows.findLast((row) => row.command === "set_unit_status")?.fields.status ?? unit?.status;
}
