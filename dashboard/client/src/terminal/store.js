// What must survive a closed page: commands not yet taken by the server and files not yet uploaded. IndexedDB, two stores.
const NAME = "liandong-terminal";
const VERSION = 1;
let opened;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("commands", { keyPath: "order", autoIncrement: true });
      request.result.createObjectStore("files", { keyPath: "order", autoIncrement: true });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function within(store, mode, work) {
  const transaction = (await database()).transaction(store, mode);
  const request = work(transaction.objectStore(store));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

export const keep = (store, row) => within(store, "readwrite", (s) => s.put(row));
export const forget = (store, order) => within(store, "readwrite", (s) => s.delete(order));
export const all = (store) => within(store, "readonly", (s) => s.getAll());
