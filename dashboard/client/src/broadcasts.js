// Broadcasts at the desk: what has come in stands over the map until somebody presses that it was read; what was sent shows who has.
import { chime } from "./alarm.js";
import { button, focusSoon, node } from "./nodes.js";
import { organisationName } from "./presence.js";
import { on, serverNow, setProps, state, tell } from "./state.js";
import { clockText, count, t } from "./words.js";
import { isWall } from "./wall.js";

const LOOK_EVERY_MS = 1_000;

const known = new Map(); // broadcast_id → as told, in the order of sending
const arrived = new Set(); // ids whose arrival at this desk has been said
let callsign = () => null;

const unixS = (iso) => Date.parse(iso) / 1000;
const isLive = (one) => one.recalled_at === null && serverNow() < unixS(one.expires_at);
const isUnread = (one) => one.to_this_desk && one.read_at === null && isLive(one);
const el = (id) => document.getElementById(id);

export function startBroadcasts(nameUnit) {
  if (isWall() || el("broadcast-open").hidden) return;
  callsign = nameUnit;
  on("hello", () => known.clear()); // what is so now comes right after the hello
  on("broadcast", (one) => {
    known.set(one.broadcast_id, one);
    if (isUnread(one)) arrive(one);
    draw();
  });
  el("broadcast-open").addEventListener("click", () => show(true));
  el("broadcast-close").addEventListener("click", () => show(false));
  let shown = "";
  setInterval(() => {
    const live = [...known.values()].filter(isLive).map((one) => one.broadcast_id).join();
    if (live !== shown) draw(); // one has expired
    shown = live;
  }, LOOK_EVERY_MS);
  draw();
}

function show(open) {
  setProps("broadcast-dialog", { hidden: !open });
}

function arrive(one) {
  if (arrived.has(one.broadcast_id) || state.replay) return; // what arrived then has been answered, or not, by now
  arrived.add(one.broadcast_id);
  chime();
  if (one.delivered_at === null) post(one, "receipts", { recipient: state.scope.org_code, read: false });
}

async function post(one, what, body) {
  const answer = await fetch(`/api/v1/broadcasts/${encodeURIComponent(one.broadcast_id)}/${what}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  }).catch(() => null);
  if (answer?.ok) return;
  const problem = answer ? await answer.json().catch(() => ({})) : {};
  tell("toast", { kind: "bad", text: problem.detail || t("Not sent: the server can't be reached. Try again.") });
}

function draw() {
  const unread = [...known.values()].filter(isUnread).sort((a, b) => b.urgent - a.urgent || unixS(a.sent_at) - unixS(b.sent_at));
  const holder = el("broadcasts-received");
  holder.hidden = !unread.length;
  holder.replaceChildren(...unread.map(received));
  el("broadcast-unread").hidden = !unread.length;
  el("broadcast-unread").textContent = count(unread.length);
  const list = [...known.values()].reverse();
  el("broadcasts-sent").replaceChildren(...(list.length ? list.map(listed) : [node("p", "empty", t("No broadcast in the last 24 hours."))]));
}

function received(one) {
  const card = node("article", one.urgent ? "broadcast urgent" : "broadcast");
  card.append(head(one), node("p", "text", one.text), button("primary", t("Read"), () => post(one, "receipts", { recipient: state.scope.org_code, read: true })));
  return card;
}

function head(one) {
  const line = node("div", "broadcast-head");
  line.append(
    node("strong", "", one.urgent ? t("Urgent broadcast") : t("Broadcast")),
    node("span", "", `${one.sent_by} · ${organisationName(one.sent_by_org)}`),
    node("time", "", clockText(unixS(one.sent_at))),
  );
  if (one.replaces) line.append(node("span", "pill", t("replaces an earlier one")));
  if (one.recalled_at !== null) line.append(node("span", "pill over", one.replaced_by ? t("replaced") : t("recalled by {name}", { name: one.recalled_by })));
  else if (!isLive(one)) line.append(node("span", "pill over", t("expired")));
  return line;
}

function listed(one) {
  const row = node("article", `broadcast${one.urgent ? " urgent" : ""}${isLive(one) ? "" : " over"}`);
  row.append(head(one), node("p", "text", one.text), node("p", "muted", t("to {name}, holds until {time}", { name: organisationName(one.org_code), time: clockText(unixS(one.expires_at)) })));
  if (one.progress) row.append(...receipts(one));
  else if (one.read_at !== null) row.append(node("p", "muted", t("read by {name}", { name: one.read_by })));
  return row;
}

function receipts(one) {
  const { recipients, delivered, read, waiting, more } = one.progress;
  const bar = document.createElement("progress");
  Object.assign(bar, { max: recipients || 1, value: read });
  const said = node("p", "receipts", t("{read} of {n} have read it, {delivered} have it", { read: count(read), n: count(recipients), delivered: count(delivered) }));
  const parts = [said, bar];
  if (waiting.length) {
    const rest = node("p", "rest", t("Not read yet:"));
    for (const { recipient, delivered: has } of waiting) rest.append(node("span", has ? "" : "undelivered-yet", callsign(recipient) || organisationName(recipient)));
    if (more) rest.append(node("span", "muted", t("and {n} more", { n: count(more) })));
    parts.push(rest);
  }
  if (isLive(one)) {
    const ends = node("div", "dialog-end");
    ends.append(button("", t("Replace"), () => replace(one)), button("", t("Recall broadcast"), () => post(one, "recall", {})));
    parts.push(ends);
  }
  return parts;
}

function replace(one) {
  setProps("broadcast-replaces", { data: one.broadcast_id });
  setProps("broadcast-text", { value: one.text });
  setProps("broadcast-to", { value: one.org_code });
  setProps("broadcast-grade", { value: one.urgent ? "urgent" : "normal" });
  focusSoon(() => el("broadcast-text"), 60);
}
