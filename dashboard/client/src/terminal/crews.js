// Who else is on the incident, who is responsible for it, and who was sent because somebody had not answered.
import { h } from "./dom.js";
import { isActive } from "./picture.js";
import { stageWord, t } from "./words.js";

// What a picture kept from before knew nothing of.
const crewsOf = (incident) => incident.crews ?? [];

export function crewList({ incident, assignment }) {
  const crews = crewsOf(incident);
  const isOwn = (crew) => crew.assignment_id === assignment.assignment_id;
  const others = crews.filter((crew) => !isOwn(crew)).sort((a, b) => b.responsible - a.responsible);
  const isMine = crews.some((crew) => isOwn(crew) && crew.responsible);
  if (!isMine && !others.length) return null;
  return h("ul", { key: "crews", class: "crews" },
    isMine ? h("li", { key: "own", class: "lead" }, t("you_responsible")) : null,
    others.length ? h("li", { key: "others" }, t("crews")) : null,
    others.map((crew) => h("li", { key: crew.assignment_id, class: crew.responsible ? "lead" : "", "data-crew": crew.unit_id },
      h("b", {}, crew.callsign), [crew.responsible ? t("responsible") : null, stageWord(stageOf(incident, crew))].filter(Boolean).join(" · "))));
}

const stageOf = (incident, crew) => incident.assignments.find((a) => a.assignment_id === crew.assignment_id).stage;

// Assignments of those that were sent as well, because this crew had not acknowledged in time.
export const sentAsWell = (incident, assignment) => incident.assignments.filter((a) => a.because_of === assignment?.assignment_id && isActive(a));

export function repushNotes({ incident, assignment }) {
  const nameOf = (one) => crewsOf(incident).find((crew) => crew.assignment_id === one.assignment_id)?.callsign ?? one.unit_id;
  const told = (key, text) => h("p", { key, class: "told", role: "status" }, text);
  const others = sentAsWell(incident, assignment).map(nameOf);
  const first = incident.assignments.find((a) => assignment.because_of && a.assignment_id === assignment.because_of);
  return [
    others.length ? told("repushed", t("repushed", { who: others.join(t("and")) })) : null,
    first ? told("sent-because", t("sent_because", { who: nameOf(first) })) : null,
  ];
}
