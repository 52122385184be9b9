// While a call is typed, the server is asked what it may be a further call about: whenever the typing pauses.
import { setProps } from "./state.js";

const PAUSE_MS = 350;

export function startFurtherCalls() {
  let waiting = 0;
  document.getElementById("new-dialog").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => setProps("new-typed", { data: Date.now() }), PAUSE_MS);
  });
}
