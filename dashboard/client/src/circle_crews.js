// Which crew is meant by what stands in the field of a gate: a callsign, or an id.

// `rows`: of the fleet. Answers `unit_id`; `twice`: how many crews have that callsign where it is not known which is meant.
export function crewMeant({ crew, unit_id }, rows) {
  const name = (crew ?? "").trim();
  const named = rows.filter((row) => row && (row.callsign === name || row.unit_id === name));
  const chosen = named.find((row) => row.unit_id === name) ?? named.find((row) => row.unit_id === unit_id) ?? named[0];
  const isClear = named.length < 2 || [name, unit_id].includes(chosen.unit_id);
  return isClear ? { unit_id: chosen?.unit_id ?? name, twice: 0 } : { unit_id: null, twice: named.length };
}

// What is offered in that field: callsigns, and ids where a callsign is several crews'.
export function crewsOffered(rows) {
  const known = rows.filter(Boolean);
  const times = new Map();
  for (const { callsign } of known) times.set(callsign, (times.get(callsign) ?? 0) + 1);
  const offered = known.map(({ callsign, unit_id }) => (times.get(callsign) > 1 ? { value: unit_id, label: callsign } : { value: callsign, label: "" }));
  return offered.sort((a, b) => (a.label || a.value).localeCompare(b.label || b.value));
}
