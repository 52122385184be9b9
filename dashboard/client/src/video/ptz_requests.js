// Asking the server to turn a camera.
const PREFIX = "urn:liandong:problem:";

// Why it was not done: `rule` is the server's name for it, `detail` its words.
export class NotDone extends Error {
  constructor(rule, detail = "") {
    super(detail || rule);
    this.rule = rule;
    this.detail = detail;
  }
}

const pathOf = (cameraId, what) => `/api/v1/cameras/${encodeURIComponent(cameraId)}/${what}`;

async function ask(path, body) {
  const options = body ? { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) } : {};
  const answer = await fetch(path, options).catch(() => {
    throw new NotDone("no-server");
  });
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  const type = String(found.type ?? "");
  throw new NotDone(type.startsWith(PREFIX) ? type.slice(PREFIX.length) : "no-server", found.detail);
}

// All throw NotDone. The state: {turns, may_operate, why, may_save, may_take_over, holder, org_name}.
export const stateOf = (cameraId) => ask(pathOf(cameraId, "ptz"));
export const turn = (cameraId, what) => ask(pathOf(cameraId, "ptz"), what);
export const presetsOf = async (cameraId) => (await ask(pathOf(cameraId, "presets"))).presets;
export const savePreset = (cameraId, name) => ask(pathOf(cameraId, "presets"), { name });
