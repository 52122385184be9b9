// Claims: who has taken an incident on for now, and the question before one acts on what another has claimed. It never holds
// anything up: whoever says so twice does it.
import { organisationName } from "./presence.js";
import { serverNow, state } from "./state.js";
import { countdown, t } from "./words.js";

let go = null; // what is done when the answer is yes

export const untilOf = (claim) => Date.parse(claim.until) / 1000;

// The claim that holds now; null when there is none, or it has lapsed.
export function claimOf(incident) {
  return incident?.claim && serverNow() < untilOf(incident.claim) ? incident.claim : null;
}

// Do it, or ask first where another desk has claimed the incident. `what`: the word on the button.
export function mindingClaims({ command, incident }, what, act) {
  const claim = claimOf(state.incidents.get(incident));
  if (!claim || claim.by === state.scope?.name || !state.config.warned.includes(command)) return act();
  put("claim-warning-title", t("Claimed by {name}", { name: claim.by }));
  const left = countdown(untilOf(claim) - serverNow());
  put("claim-warning-text", t("{name}, {organisation}, is working on it; the claim lapses in {left}.", { name: claim.by, organisation: organisationName(claim.org_code), left }));
  put("claim-warning-go", t("{what} all the same", { what }));
  go = act;
  show(true);
}

export function startClaims() {
  document.getElementById("claim-warning-cancel").addEventListener("click", () => show(false));
  document.getElementById("claim-warning-go").addEventListener("click", () => {
    show(false);
    go();
  });
}

function show(open) {
  document.getElementById("claim-warning").hidden = !open;
  if (open) document.getElementById("claim-warning-go").focus();
}

function put(id, text) {
  document.getElementById(id).textContent = text;
}
