// What must survive a closed page, in IndexedDB: commands and panics not yet answered, files and scene video not yet uploaded, and what
// was last shown.
const NAME = "liandong-terminal";
const VERSION = 4;
let opened;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      const made = request.result.objectStoreNames;
      for (const store of ["commands", "alarms", "files"]) {
        if (!made.contains(store)) request.result.createObjectStore(store, { keyPath: "order", autoIncrement: true });
      }
      if (!made.contains("shown")) request.result.createObjectStore("shown");
      if (!made.contains("recordings")) request.result.createObjectStore("recordings", { keyPath: "id" });
      if (!made.contains("chunks")) request.result.createObjectStore("chunks", { keyPath: ["recording", "seq"] });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

export async function within(store, mode, work) {
  const transaction = (await database()).transaction(store, mode);
  const request = work(transaction.objectStore(store));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

// Rows in the order they were kept; `order` is given by the first `keep`.
export const keep = (store, row) => within(store, "readwrite", (s) => s.put(row));
export const forget = (store, order) => within(store, "readwrite", (s) => s.delete(order));
export const all = (store) => within(store, "readonly", (s) => s.getAll());

// Single values by name: the unit and its incident as last shown, code tables, a draft, addresses of uploads.
export const remember = (name, value) => within("shown", "readwrite", (s) => s.put(value, name));
export const recall = (name) => within("shown", "readonly", (s) => s.get(name));
export const forgetShown = (name) => within("shown", "readwrite", (s) => s.delete(name));
