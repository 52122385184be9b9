// Parts of pages without a browser: what waits on the officer's page for an answer, how that page is mended, what was answered in the
// form of a new call, the clock of a review's clips; run by test_client_parts.py.
import assert from "node:assert/strict";
import test from "node:test";

const source = new URL("../../dashboard/client/src/terminal/", import.meta.url);
const { withAnswer } = await import(new URL("../call_answers.js", source));
const { crewMeant, crewsOffered } = await import(new URL("../circle_crews.js", source));
globalThis.localStorage = { getItem: () => null, setItem() {} };
const { Outbox } = await import(new URL("outbox.js", source));
const { h, mend } = await import(new URL("dom.js", source));

// As much of IndexedDB as an outbox needs. `late`, `lateWrite`: what holds back the end of reading, of writing.
function database() {
  const rows = new Map();
  const base = { late: null, lateWrite: null, rows };
  const doing = {
    put: (row) => (rows.set(row.order ?? rows.size + 1, { order: rows.size + 1, ...row }), rows.size),
    delete: (order) => void rows.delete(order),
    getAll: () => structuredClone([...rows.values()]),
  };
  const transaction = (_, mode) => {
    const through = { objectStore: () => Object.fromEntries(Object.entries(doing).map(([name, work]) => [name, (...given) => ({ result: work(...given) })])) };
    Promise.resolve(mode === "readonly" ? base.late : base.lateWrite).then(() => setImmediate(() => through.oncomplete()));
    return through;
  };
  globalThis.indexedDB = {
    open() {
      const request = { result: { transaction } };
      setImmediate(() => request.onsuccess());
      return request;
    },
  };
  return base;
}

class Element {
  constructor(tag) {
    Object.assign(this, { nodeType: 1, tag, childNodes: [], parent: null });
  }
  get firstChild() {
    return this.childNodes[0] ?? null;
  }
  get nextSibling() {
    return this.parent.childNodes[this.parent.childNodes.indexOf(this) + 1] ?? null;
  }
  insertBefore(node, place) {
    node.remove();
    this.childNodes.splice(place ? this.childNodes.indexOf(place) : this.childNodes.length, 0, node);
    node.parent = this;
  }
  remove() {
    if (this.parent) this.parent.childNodes.splice(this.parent.childNodes.indexOf(this), 1);
    this.parent = null;
  }
  setAttribute() {}
  removeAttribute() {}
}

const settled = () => new Promise((done) => setTimeout(done, 20));
const base = database();

test("what is answered while the kept ones are read does not wait again", async () => {
  const sent = [];
  const outbox = new Outbox("alarms", { message: () => ({}), send: (message) => sent.push(message), changed() {}, accepted() {}, refused() {} });
  outbox.greeted("car");
  await outbox.give("panic");
  const { promise, resolve } = Promise.withResolvers();
  base.late = promise;
  const reading = outbox.load();
  await settled();
  await outbox.answered({ key: sent[0].key, ok: true });
  resolve();
  await reading;
  assert.deepEqual(outbox.own(), []);
  assert.equal(sent.length, 1);
  assert.equal(base.rows.size, 0);
});

test("what is answered while it is still being kept is not kept", async () => {
  const sent = [];
  const outbox = new Outbox("alarms", { message: () => ({}), send: (message) => sent.push(message), changed() {}, accepted() {}, refused() {} });
  outbox.unitId = "car";
  const { promise, resolve } = Promise.withResolvers();
  base.lateWrite = promise;
  const giving = outbox.give("panic");
  outbox.greeted("car");
  await outbox.answered({ key: sent[0].key, ok: true });
  base.lateWrite = null;
  resolve();
  await giving;
  assert.deepEqual(outbox.own(), []);
  assert.equal(sent.length, 1);
  assert.equal(base.rows.size, 0);
});

test("of two elements with one key none outlives what was wanted", () => {
  globalThis.Node = { TEXT_NODE: 3 };
  globalThis.document = { createElement: (tag) => new Element(tag) };
  const page = new Element("main");
  mend(page, [h("p", { key: "a" }), h("p", { key: "a" }), h("p", { key: "b" })]);
  const [, second, other] = page.childNodes;
  mend(page, [h("p", { key: "a" }), h("p", { key: "b" })]);
  assert.deepEqual(page.childNodes, [second, other]);
});

test("the crew of a gate is the one that is meant, also where callsigns are several crews'", () => {
  const rows = [null, { unit_id: "w1", callsign: "A1" }, { unit_id: "e1", callsign: "A1" }, { unit_id: "e2", callsign: "A2" }];
  assert.deepEqual(crewMeant({ crew: "A1", unit_id: "e1" }, rows), { unit_id: "e1", twice: 0 }); // as it was set
  assert.deepEqual(crewMeant({ crew: "A1", unit_id: "e2" }, rows), { unit_id: null, twice: 2 });
  assert.deepEqual(crewMeant({ crew: " A2 " }, rows), { unit_id: "e2", twice: 0 });
  assert.deepEqual(crewMeant({ crew: "e1", unit_id: "w1" }, rows), { unit_id: "e1", twice: 0 });
  assert.deepEqual(crewMeant({ crew: "" }, rows), { unit_id: "", twice: 0 });
  assert.deepEqual(crewMeant({ crew: "A9" }, rows), { unit_id: "A9", twice: 0 }); // the server says that there is none
  assert.deepEqual(crewsOffered(rows), [{ value: "w1", label: "A1" }, { value: "e1", label: "A1" }, { value: "A2", label: "" }]);
});

test("answers of a form add up, and one can be taken back", () => {
  const same = withAnswer(null, { command: "same", incident: "a" });
  assert.deepEqual(same, { same: "a", apart: [] });
  assert.deepEqual(withAnswer(same, { command: "apart", incident: "b" }), { same: "a", apart: ["b"] });
  assert.deepEqual(withAnswer(same, { command: "apart", incident: "a" }), { same: null, apart: ["a"] });
  let many = {};
  for (let k = 0; k < 30; k += 1) many = withAnswer(many, { command: "apart", incident: `i${k}` });
  assert.equal(many.apart.length, 20);
  assert.equal(many.apart.at(-1), "i29");
});

// As much of an element as the clock of a review and its clips need.
class Part extends EventTarget {
  constructor(parts = {}) {
    super();
    Object.assign(this, { parts, dataset: {}, classList: { toggle() {} }, paused: true, readyState: 1, currentTime: 0, duration: 10 });
  }
  querySelector(name) {
    return this.parts[name];
  }
  append() {}
  setAttribute() {}
  async play() {
    this.paused = false;
  }
  pause() {
    this.paused = true;
  }
}

test("clips of a review that have been played to the end stand there, and begin anew", async ({ mock }) => {
  let ms = 0;
  mock.method(performance, "now", () => ms);
  mock.timers.enable({ apis: ["setInterval"] });
  const pass = (passed_ms) => {
    ms += passed_ms;
    mock.timers.tick(passed_ms);
  };
  const [button, input, time, select, tiles, video] = Array.from({ length: 6 }, () => new Part());
  select.value = "1";
  const holder = new Part({ button, input, time, select, ".tiles": tiles });
  const clip = { id: "a", url: "/a", start_at: "2026-05-01T12:00:00Z", duration_s: 10, label: "car" };
  holder.dataset.inStep = JSON.stringify({ clips: [clip], config: { words: {}, lang: "en", time_zone: "UTC", viewer: "reviewer", now_s: 1_777_636_800 } });
  let over = null; // what is laid over the picture
  const createElement = (tag) => {
    const part = tag === "video" ? video : new Part();
    if (tag === "div") over ??= part;
    return part;
  };
  globalThis.document = Object.assign(new EventTarget(), { querySelector: () => holder, createElement, visibilityState: "visible", activeElement: null });
  await import(new URL("../review.js", source));
  const shown = () => [time.textContent, input.value, button.textContent, video.currentTime];
  input.value = "4";
  input.dispatchEvent(new Event("input"));
  button.dispatchEvent(new Event("click"));
  assert.deepEqual(shown(), ["12:00:04", "4", "❚❚", 4]);
  assert.equal(over.textContent, "reviewer · 2026-05-01 12:00:00");
  pass(5000);
  assert.deepEqual(shown().slice(0, 3), ["12:00:09", "9", "❚❚"]);
  video.currentTime = 9.9; // it plays by itself
  pass(3000);
  assert.deepEqual(shown(), ["12:00:10", "10", "▶", 9.9]);
  assert.ok(video.paused);
  pass(1000);
  assert.deepEqual(shown(), ["12:00:10", "10", "▶", 9.9]);
  button.dispatchEvent(new Event("click"));
  assert.deepEqual(shown(), ["12:00:00", "0", "❚❚", 0]);
});
