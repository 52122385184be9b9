// What a person has sent goes to the server by Dash, which says nothing when no answer comes: here somebody does. And what is sent once
// more before it was answered, by a double click or because the answer was lost, is the same command, not a second one.
import { tell } from "./state.js";
import { t } from "./words.js";

const PATIENCE_MS = 5_000;
const SENT = /^(pressed|line-sent|new-submit|(ask|split|locate|classify|correct|broadcast)-send|(split|locate|classify|correct)-asked)\./;

const open = new Map(); // output → what was sent and not answered: {said, clicks}

export function startUnanswered() {
  const plain = window.fetch.bind(window);
  window.fetch = (what, options) => {
    const asked = typeof what === "string" && what.endsWith("/_dash-update-component") && typeof options?.body === "string" ? JSON.parse(options.body) : null;
    if (!asked?.changedPropIds.some((id) => SENT.test(id))) return plain(what, options);
    return followed(asked, plain(what, { ...options, body: JSON.stringify(sameAgain(asked)) }));
  };
}

// With the count of clicks of the first time, of which the server makes the command's key.
function sameAgain(asked) {
  const [first, ...rest] = asked.inputs;
  if (first.property !== "n_clicks") return asked;
  const said = JSON.stringify(asked.state);
  if (open.get(asked.output)?.said !== said) open.set(asked.output, { said, clicks: first.value });
  return { ...asked, inputs: [{ ...first, value: open.get(asked.output).clicks }, ...rest] };
}

function followed(asked, answer) {
  const late = setTimeout(() => say(t("No answer yet: whether it was done is not known so far.")), PATIENCE_MS);
  answer
    .then(
      async (heard) => {
        if (heard.ok || heard.status < 500) open.delete(asked.output);
        if (!heard.ok) say((await heard.clone().json().catch(() => null))?.detail || lost());
      },
      () => say(lost()),
    )
    .finally(() => clearTimeout(late));
  return answer;
}

const lost = () => t("The server did not answer: whether it was done is not known. Send it once more when the connection is back; it is not done twice.");
const say = (text) => tell("toast", { kind: "bad", text });
