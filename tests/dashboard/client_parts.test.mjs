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

test("what was sent and not answered is said, and sent once more it is the same command", async () => {
  const sent = [];
  let answer = async () => new Response("{}");
  globalThis.window = { fetch: (_, { body }) => (sent.push(JSON.parse(body)), answer()) };
  const { startUnanswered } = await import(new URL("../unanswered.js", source));
  const { on } = await import(new URL("../state.js", source));
  const said = [];
  on("toast", ({ text }) => said.push(text.slice(0, 14)));
  startUnanswered();
  const press = async (clicks, text, id = "new-submit") => {
    const asked = { output: "o", inputs: [{ id, property: "n_clicks", value: clicks }], state: [{ id: "t", value: text }], changedPropIds: [`${id}.n_clicks`] };
    const got = await window.fetch("/_dash-update-component", { body: JSON.stringify(asked) }).catch(() => null);
    await settled();
    return [got?.status ?? null, sent.at(-1).inputs[0].value];
  };
  assert.deepEqual(await Promise.all([press(1, "fire"), press(2, "fire")]), [[200, 1], [200, 1]]);
  assert.deepEqual(await press(3, "fire"), [200, 3]); // an answer came: it is another
  answer = () => Promise.reject(new TypeError("Failed to fetch"));
  assert.deepEqual(await press(4, "flood"), [null, 4]);
  assert.deepEqual(said, ["The server did"]);
  answer = async () => new Response("{}");
  assert.deepEqual(await press(5, "flood"), [200, 4]);
  answer = async () => Response.json({ detail: "Too many requests." }, { status: 429 });
  assert.deepEqual(await press(6, "flood"), [429, 6]);
  answer = () => Promise.reject(new TypeError("Failed to fetch"));
  await press(7, "", "scene-tick"); // nobody has pressed anything
  assert.deepEqual(said, ["The server did", "Too many reque"]);
});

test("a crew that is heard without a new position is as old as its position", async () => {
  const { fleet, placeAgeS, startFleet } = await import(new URL("../fleet.js", source));
  const { state, tell } = await import(new URL("../state.js", source));
  state.config = { marks: { statuses: [{ id: "available" }] } };
  startFleet();
  tell("hello", { units: [{ index: 0, unit_id: "a", status: "available" }, { index: 1, unit_id: "b", status: "available" }] });
  const bytes = new Uint8Array(32 + 2 * 20);
  const view = new DataView(bytes.buffer);
  [[0, 3, 6_000], [1, 3, 20]].forEach(([index, heardAge, fixAge], k) => { // ages in tenths of a second
    view.setInt32(32 + 20 * k, index, true);
    view.setUint16(48 + 20 * k, heardAge, true);
    view.setUint16(50 + 20 * k, fixAge, true);
  });
  tell("frame", { full: true, count: 2, pictureAt: 1_000_000, bytes });
  assert.deepEqual([0, 1].map((index) => Math.round(placeAgeS(index, 1_000_010))), [610, 12]);
});

// As much of a browser as a page's socket needs; how late it is by the clock and since the page began, which stands still in a sleep.
function lineWorld(mock) {
  const world = { sockets: [], byClock: 1_777_636_800_000, sinceBegin: 1_000 };
  globalThis.WebSocket = class {
    static OPEN = 1;
    constructor() {
      Object.assign(this, { readyState: 1, sent: [] });
      world.sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close() {
      this.readyState = 3;
    }
    hear(message) {
      this.onmessage({ data: typeof message === "string" ? message : JSON.stringify(message) });
    }
  };
  globalThis.location = { protocol: "http:", host: "desk", origin: "http://desk" };
  globalThis.addEventListener = () => {};
  globalThis.document = { documentElement: { dataset: {} }, addEventListener() {} };
  mock.method(performance, "now", () => world.sinceBegin);
  mock.method(Date, "now", () => world.byClock);
  mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
  world.pass = (ms, asleepMs = 0) => {
    world.sinceBegin += ms;
    world.byClock += ms + asleepMs;
    mock.timers.tick(ms);
  };
  return world;
}

test("a desk that wakes from sleep, or whose clock is set, knows it", async ({ mock }) => {
  const world = lineWorld(mock);
  const { state, silentMs } = await import(new URL("../state.js", source));
  const { connect, startWatching } = await import(new URL("../live.js", source));
  state.config = { desk: "" };
  connect();
  startWatching();
  const [socket] = world.sockets;
  const at = () => world.byClock / 1000;
  const beat = () => {
    const frame = new DataView(new ArrayBuffer(32));
    frame.setUint16(0, 0x444c, true);
    frame.setUint8(2, 1);
    socket.onmessage({ data: frame.buffer });
  };
  socket.hear({ type: "hello", revision: 1, server_at: at() + 60, scope: {}, incidents: [], units: [] });
  beat();
  for (let second = 0; second < 13; second += 1) {
    world.pass(1_000);
    beat();
  }
  assert.deepEqual([state.connected, Math.round(state.clockOffsetS), world.sockets.length], [true, 60, 1]);
  const asked = socket.sent.length;
  world.byClock -= 1_500; // set back a little: the frames go on
  world.pass(250);
  assert.equal(socket.sent.length, asked + 1);
  socket.hear({ type: "pong", t: at() - 600, server_at: at() - 540 }); // it has waited ten minutes in a sleep
  assert.equal(Math.round(state.clockOffsetS), 60);
  socket.hear({ type: "pong", t: at() - 0.2, server_at: at() + 61.4 });
  assert.equal(state.clockOffsetS.toFixed(1), "61.5");
  world.pass(250, 3_600_000);
  assert.equal(state.connected, false);
  assert.equal(Math.round(silentMs() / 60_000), 60);
  world.pass(1_000);
  assert.equal(world.sockets.length, 2);
});

test("a phone's line is dead when it does not answer, not when nobody has asked", async ({ mock }) => {
  const world = lineWorld(mock);
  const { Link } = await import(new URL("link.js", source));
  const states = [];
  const link = new Link({ message() {}, state: (connected) => states.push(connected), ended() {} });
  link.connect();
  const [socket] = world.sockets;
  socket.hear({ type: "hello", server_at: world.byClock / 1000 });
  for (let minute = 0; minute < 3; minute += 1) { // a page behind others: its timers come once a minute
    world.byClock += 60_000;
    world.sinceBegin += 60_000;
    link.look();
    socket.hear({ type: "pong", t: socket.sent.at(-1).t, server_at: world.byClock / 1000 });
  }
  assert.deepEqual([states, world.sockets.length], [[true], 1]);
  world.pass(5_000); // asked, and the phone is put to sleep
  world.pass(100, 3_600_000);
  link.look();
  assert.deepEqual(states, [true, false]);
});

test("a muster that is over is not asked about, also where nobody says so", async () => {
  const { asksForMuster, runningMuster } = await import(new URL("duty.js", source));
  const until = Date.parse("2026-05-01T12:00:00Z");
  const asks = (now) => asksForMuster({ muster: runningMuster({ until: "2026-05-01T12:00:00Z" }, now), comes: null, assignment: null, ended: null });
  assert.deepEqual([asks(until - 1), asks(until)], [true, false]);
  assert.equal(runningMuster(null, until), null);
});

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
