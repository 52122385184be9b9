// Asking the server for a camera's stream or a still picture.
import { isChinese } from "../words.js";

const PREFIX = "urn:liandong:problem:";

// Why a stream can't be had: `reason` is the server's name for it, `text` its words in the reader's language, if it has any.
export class Refused extends Error {
  constructor(reason, text = "") {
    super(text || reason);
    this.reason = reason;
    this.text = text;
  }
}

const pathOf = (cameraId) => `/api/v1/cameras/${encodeURIComponent(cameraId)}`;

// The address of a stream that was granted, good for one use within seconds. Throws Refused, or AbortError.
export async function grantedStream(cameraId, quality, signal) {
  const answer = await fetch(`${pathOf(cameraId)}/streams`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ quality }), signal }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Refused("no-server");
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(reasonOf(answer.status, found), (isChinese() ? found.message_zh : found.message_en) ?? found.detail);
  return found;
}

// The server's name for why it refused.
export function reasonOf(status, problem) {
  if (status === 401 || status === 403) return "not-permitted";
  if (status === 404) return "unknown-camera";
  return String(problem.type ?? "").startsWith(PREFIX) ? problem.type.slice(PREFIX.length) : "unreachable";
}

// A still picture as {url (to be revoked), takenAt (Unix s)}; null when there is none.
export async function stillOf(cameraId, signal) {
  const answer = await fetch(`${pathOf(cameraId)}/snapshot`, { signal }).catch(() => null);
  if (!answer?.ok) return null;
  const takenAt = Date.parse(answer.headers.get("X-Taken-At")) / 1000;
  const picture = await answer.blob().catch(() => null);
  return picture && Number.isFinite(takenAt) ? { url: URL.createObjectURL(picture), takenAt } : null;
}
