// Recordings and their slices on the phone's disk, until the server has them.
import { within } from "./store.js";

const upTo = (recording, from, below) => IDBKeyRange.bound([recording, from], [recording, below], false, true);

export const keepRecording = (row) => within("recordings", "readwrite", (s) => s.put({ ...row }));
export const recordings = () => within("recordings", "readonly", (s) => s.getAll());
export const keepChunk = (chunk) => within("chunks", "readwrite", (s) => s.put(chunk));
export const chunksFrom = (recording, seq, most) => within("chunks", "readonly", (s) => s.getAll(upTo(recording, seq, Infinity), most));
export const forgetChunks = (recording, below) => within("chunks", "readwrite", (s) => s.delete(upTo(recording, 0, below)));

// The newest slice; undefined when there is none left.
export async function lastChunk(recording) {
  const cursor = await within("chunks", "readonly", (s) => s.openCursor(upTo(recording, 0, Infinity), "prev"));
  return cursor?.value;
}

export async function forgetRecording(id) {
  await forgetChunks(id, Infinity);
  await within("recordings", "readwrite", (s) => s.delete(id));
}

// Bytes that may still be stored here, or null where the browser does not say. Rejects below `least`, and asks to keep what is stored.
export async function haveRoomFor(least) {
  if (!navigator.storage?.estimate) return null;
  navigator.storage.persist?.();
  const { quota, usage } = await navigator.storage.estimate();
  if (!quota) return null;
  if (quota - usage < least) throw Object.assign(new Error("full"), { name: "QuotaExceededError" });
  return quota - usage;
}
