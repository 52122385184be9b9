// What was said, while a call is taken, of the incidents it may be a further call about: {same: incident_id or null, apart: [incident_id]}.
// The page adds up the presses by itself: an answer of the server that a typed letter overtakes is thrown away, and a press with it.
const MOST = 20; // answers of one form; more is no form any more, as `MOST_ANSWERS` of callbacks/further_calls.py

// The answers so far and one more press. Whoever says "not the same" of the one he took for the same takes that back.
export function withAnswer(answers, { command, incident }) {
  const { same = null, apart = [] } = answers ?? {};
  if (command === "same") return { same: incident, apart };
  return { same: same === incident ? null : same, apart: [...apart, incident].slice(-MOST) };
}
