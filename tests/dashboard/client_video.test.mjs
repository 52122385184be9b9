// Pure rules of the client's video part; run by test_client_video.py with `node --test`.
import assert from "node:assert/strict";
import test from "node:test";

const source = new URL("../../dashboard/client/src/video/", import.meta.url);
const { added, askedOf, camerasIn, isFollowed, layoutFor, pageOf, pagesOf, placed } = await import(new URL("rounds.js", source));
const { takenAtS, verdictOf } = await import(new URL("verdict.js", source));

const { sceneVerdictOf } = await import(new URL("scene_verdict.js", source));
const { starting } = await import(new URL("camera.js", source));
const { coneOf } = await import(new URL("cone_shape.js", source));
const { failingSince, iconOf } = await import(new URL("camera_marks.js", source));
const { Mover, velocityOf } = await import(new URL("ptz_mover.js", source));
const { directionText, holderAt, notDoneText, whyNot } = await import(new URL("ptz_words.js", source));

const cameras = (...ids) => ids.map((id) => ({ id }));
const idsOf = (some) => some.map((camera) => camera?.id ?? null);
const live = { phase: "live", ageS: 0.2, reason: "", text: "", state: null };

test("an address that makes no sense is what is usual", () => {
  assert.deepEqual(askedOf(new URLSearchParams("tiles=16&dwell=40&group=org:330203")), { tiles: 16, dwellS: 40, group: "org:330203" });
  assert.deepEqual(askedOf(new URLSearchParams("tiles=5&dwell=0")), { tiles: 9, dwellS: 20, group: "" });
  assert.deepEqual(askedOf(new URLSearchParams("tiles=four&dwell=NaN")), { tiles: 9, dwellS: 20, group: "" });
});

test("a wall follows a desk until somebody else sends something, it is ended, or the desk is gone", async (context) => {
  const { Following } = await import(new URL("following.js", source));
  let nowMs = 0;
  let look = null;
  let connected = true;
  let open = ["a", "b"];
  const sent = [];
  const told = [];
  context.mock.method(globalThis, "setInterval", (work) => (look = work));
  context.mock.method(globalThis, "clearInterval", () => (look = () => {}));
  const pass = (ms) => {
    for (const end = nowMs + ms; nowMs < end; ) {
      nowMs += 100;
      look();
    }
  };
  const send = ({ screen, view }) => connected && sent.push([screen, view.follows, idsOf(view.cameras).join("")]) > 0;
  const desk = new Following({ send, page: "here", view: () => ({ cameras: cameras(...open), selection: null }), told: (...said) => told.push(said), now: () => nowMs });
  desk.change(); // nobody follows yet
  desk.start();
  assert.deepEqual(sent.splice(0), [["video", true, "ab"]]);
  open = ["c"];
  desk.change();
  pass(100);
  open = ["c", "d"];
  desk.change();
  pass(900);
  assert.deepEqual(sent.splice(0), [["video", true, "cd"]], "within a second, once");
  connected = false;
  open = [];
  desk.change();
  pass(1_000);
  connected = true;
  pass(100);
  assert.deepEqual(sent.splice(0), [["video", true, ""]], "as soon as there is a connection");
  pass(29_900);
  assert.equal(sent.splice(0).length, 2, "said again while nothing changes");
  desk.rest(true);
  desk.change();
  pass(60_000);
  assert.deepEqual(sent.splice(0), [], "nothing of the past goes to the wall");
  desk.rest(false);
  pass(400);
  assert.equal(sent.splice(0).length, 1);
  desk.heard({ page: "here", pushed_by: "operator" });
  assert.equal(desk.isOn, true);
  desk.heard({ page: "there", pushed_by: "operator" });
  assert.deepEqual([desk.isOn, told.splice(0)], [false, [[true, ""], [false, "operator"]]]);
  desk.change();
  pass(20_000);
  assert.deepEqual(sent.splice(0), [], "what another sent stays on the wall");
  desk.start();
  desk.stop();
  assert.deepEqual(sent.map(([, follows]) => follows), [true, false], "it takes back its word");
  assert.deepEqual([isFollowed({ follows: true, at: 100 }, 129), isFollowed({ follows: true, at: 100 }, 131), isFollowed({ at: 100 }, 101)], [true, false, false]);
});

test("few pictures are shown large", () => {
  assert.deepEqual([0, 1, 2, 4, 5, 9, 10, 40].map((n) => layoutFor(n, 16)), [1, 1, 4, 4, 9, 9, 16, 16]);
  assert.equal(layoutFor(12, 9), 9);
});

test("a round shows every camera, and leaves no tile empty", () => {
  const all = Array.from({ length: 23 }, (_, k) => ({ id: `c${k}` }));
  const seen = new Set();
  for (let turn = 0; turn < pagesOf(23, 9); turn += 1) {
    const page = pageOf(all, 9, turn);
    assert.equal(new Set(idsOf(page)).size, 9);
    idsOf(page).forEach((id) => seen.add(id));
  }
  assert.equal(seen.size, 23);
  assert.deepEqual(pageOf(all, 9, 3), pageOf(all, 9, 0));
  assert.deepEqual(pageOf(all, 0, 0), []);
  assert.deepEqual(pageOf([], 9, 5), []);
});

test("a camera that stays keeps its tile", () => {
  assert.deepEqual(idsOf(placed(cameras("b", "d", "a"), [...cameras("a", "b", "c"), null])), ["a", "b", "d", null]);
  assert.deepEqual(idsOf(placed([], cameras("a", "b"))), [null, null]);
});

test("what a desk adds comes first, each once, no more than there are tiles", () => {
  assert.deepEqual(idsOf(added(cameras("a", "b"), cameras("b"), 4)), ["b", "a"]);
  assert.deepEqual(idsOf(added(cameras("a", "b"), cameras("c"), 2)), ["c", "a"]);
});

test("a view pushed by another program is taken as far as it makes sense", () => {
  assert.deepEqual(camerasIn({ cameras: "all of them" }, 4), []);
  assert.deepEqual(camerasIn(null, 4), []);
  assert.deepEqual(camerasIn({ cameras: [{ id: "a", name: 7 }, { id: 5 }, null, { id: "x".repeat(65) }] }, 4), [{ id: "a", name: "", name_en: "" }]);
  assert.equal(camerasIn({ cameras: cameras("a", "b", "c") }, 2).length, 2);
});

test("no picture older than two seconds goes unmarked", () => {
  assert.equal(verdictOf(live).level, "good");
  assert.equal(verdictOf({ ...live, ageS: 1.9 }).level, "good");
  for (const ageS of [2.1, 60, 86_400]) {
    const { level, head, todo } = verdictOf({ ...live, ageS });
    assert.equal(level, "bad");
    assert.match(head, /old/);
    assert.notEqual(todo, "");
  }
  assert.equal(verdictOf({ ...live, phase: "cut", ageS: 0.1, reason: "cut" }).level, "bad");
});

test("a moment is marked by the clock of the camera that is late", () => {
  assert.equal(takenAtS({ ...live, ageS: 0.5 }, 100), 99.5);
  const late = { state: "late", since: "2026-05-01T12:00:00Z", late_s: 20 };
  assert.equal(takenAtS({ ...live, ageS: 0.5, state: late }, 100), 79.5);
  assert.equal(takenAtS({ ...live, ageS: 20, state: late }, 100), 80, "nothing has come for so long");
  assert.equal(takenAtS({ ...live, ageS: 0.5, state: { state: "black" } }, 100), 99.5);
  assert.ok(Number.isNaN(takenAtS({ ...live, phase: "cut" }, 100)));
});

test("what a phone sends late is never shown as of now", () => {
  const nowS = Date.parse("2026-05-01T12:02:00Z") / 1000;
  const one = { state: "live", began_at: "2026-05-01T12:00:00Z", last_at: null, delay_s: 0.4, trouble: "" };
  const of = (more, seen) => sceneVerdictOf({ one: { ...one, ...more }, ageS: NaN, playedS: NaN, nowS, ...seen });
  assert.deepEqual(of({}, { ageS: 0.2 }), { isBad: false, head: "", todo: "", lag: "0.6 s" });
  assert.deepEqual(of({}, {}), { isBad: false, head: "", todo: "", lag: "" });
  const late = of({ state: "late", last_at: "2026-05-01T12:00:30Z" }, { ageS: 0.2 });
  assert.deepEqual(late, { isBad: true, head: "Catching up: 1:30 late", todo: "", lag: "90.0 s" });
  assert.equal(of({ state: "waiting", last_at: "2026-05-01T12:01:55Z" }, { ageS: 5 }).isBad, true);
  const cut = of({}, { ageS: 4 }); // the server thinks it comes; here nothing does
  assert.deepEqual([cut.isBad, cut.head], [true, "Picture 4 s old"]);
  const back = of({ state: "waiting", last_at: "2026-05-01T12:01:55Z" }, { playedS: 10 });
  assert.match(back.head, /^Recorded .*10, 1:50 ago$/);
});

test("what is detected or refused is said with what to do", () => {
  for (const state of ["frozen", "black", "late", "a newer word"]) {
    const { level, head, todo } = verdictOf({ ...live, state: { state, since: "2026-05-01T12:00:00Z", late_s: 9 } });
    assert.deepEqual([level, head !== "", todo !== ""], ["bad", true, true], state);
  }
  const heads = new Set();
  for (const reason of ["no-address", "bad-address", "login-refused", "starting", "at-limit", "transcoding-at-limit", "unreachable", "no-key-frame", "unplayable", "not-permitted", "unknown-camera", "no-server", "a-newer-reason"]) {
    const { level, head, todo } = verdictOf({ ...live, phase: "refused", ageS: NaN, reason });
    assert.deepEqual([level, todo !== ""], ["bad", true], reason);
    heads.add(head);
  }
  assert.equal(heads.size, 13, "two reasons read alike");
  assert.equal(verdictOf({ ...live, phase: "opening", ageS: NaN }).level, "wait");
});

test("a cone says no more than is known", () => {
  const camera = { lon: 121.5, lat: 29.9, heading_deg: 90, fov_deg: 60, range_m: 100, turns: false };
  const east = (cone) => cone.lines[0].at(-1)[0] - 121.5;
  assert.equal(coneOf({ ...camera, heading_deg: undefined }, null, 1), null);
  assert.equal(coneOf({ ...camera, lon: undefined }, null, 1), null);
  const whole = coneOf(camera, null, 1);
  assert.equal(whole.isAtRest, false);
  assert.deepEqual(whole.area[0], [121.5, 29.9]);
  const far = Math.max(...whole.area.map(([lon]) => lon)) - 121.5;
  assert.ok(Math.abs(far * 111_195 * Math.cos((29.9 * Math.PI) / 180) - 100) < 1, "as far as is registered");
  // Without a range its outer edge is open, without an angle it is a line, of a length on the screen.
  assert.deepEqual(coneOf({ ...camera, range_m: undefined }, null, 1).lines.map((line) => line.length), [2, 2]);
  const line = coneOf({ ...camera, fov_deg: undefined, range_m: undefined }, null, 2);
  assert.deepEqual([line.area, line.lines.length], [null, 1]);
  assert.ok(east(line) > east(coneOf({ ...camera, fov_deg: undefined, range_m: undefined }, null, 1)));
  assert.equal(coneOf({ ...camera, fov_deg: 360 }, null, 1).area.length, 61);
});

test("one that turns looks where it says, else at rest", () => {
  const dome = { lon: 121.5, lat: 29.9, heading_deg: 0, fov_deg: 60, range_m: 100, turns: true };
  const south = (cone) => cone.area[1][1] < 29.9;
  assert.deepEqual([coneOf(dome, null, 1).isAtRest, south(coneOf(dome, null, 1))], [true, false]);
  const told = coneOf(dome, { heading_deg: 180, is_zoomed: false, why: "" }, 1);
  assert.deepEqual([told.isAtRest, south(told)], [false, true]);
  assert.equal(coneOf(dome, { heading_deg: null, why: "camera-no-position" }, 1).isAtRest, true);
  assert.equal(coneOf(dome, { heading_deg: 180, is_zoomed: true }, 1).area, null, "zoomed in it sees less than its registered angle");
  assert.equal(coneOf({ ...dome, turns: undefined }, null, 1, true).isAtRest, true, "how it stood in the past is not known");
});

test("how a camera does is told by shape, and since when it fails", () => {
  const stamp = (health, more = {}) => ({ element: "street_camera", count: 1, lon: 1, lat: 2, feature: { properties: { health, ...more } } });
  assert.deepEqual(["ok", "failing", "untried", "no_address"].map((health) => iconOf(stamp(health), 15)), ["ok", "failing", "untried", "no_address"].map((health) => `element:street_camera:${health}`));
  assert.equal(iconOf(stamp(undefined), 15), "element:street_camera"); // of the past
  assert.equal(iconOf(stamp("ok"), 12), "element:street_camera");
  assert.equal(iconOf({ ...stamp("failing"), count: 3 }, 15), "element:street_camera");
  const failing = failingSince([stamp("ok"), stamp("failing", { last_picture_s: 400 }), stamp("failing", { last_picture_s: null })], 16, 1_000);
  assert.deepEqual(failing.map((one) => one.text), ["no picture for 10 min", "never a picture"]);
  assert.deepEqual(failingSince([stamp("failing")], 14, 1_000), []);
});

const settled = () => new Promise((resolve) => setImmediate(resolve));

// A camera that answers when it is told to, and a clock that strikes when it is told to.
function cameraAndMover() {
  const asked = [];
  const failures = [];
  const timers = [];
  const ask = (what) => new Promise((resolve, reject) => asked.push({ ...what, resolve, reject }));
  const mover = new Mover(ask, (error) => failures.push(error.message), { later: (work) => timers.push(work), never: () => (timers.length = 0) });
  return { asked, failures, timers, mover, done: () => asked.map((one) => `${one.do}${one.pan ? ` ${one.pan}` : ""}`) };
}

test("what is held moves it again and again, what is let go stops it at once", async () => {
  const { asked, timers, mover, done } = cameraAndMover();
  mover.want({ pan: 0.5, tilt: 0, zoom: 0 });
  asked[0].resolve();
  await settled();
  timers.shift()();
  asked[1].resolve();
  await settled();
  mover.want(null);
  mover.want(null);
  assert.deepEqual(done(), ["move 0.5", "move 0.5", "stop"]);
  assert.equal(timers.length, 0);
});

test("a stop that may have overtaken a move is sent again", async () => {
  const { asked, mover, done } = cameraAndMover();
  mover.want({ pan: 1, tilt: 0, zoom: 0 });
  mover.want(null);
  assert.deepEqual(done(), ["move 1", "stop"]);
  asked[0].resolve();
  await settled();
  assert.deepEqual(done(), ["move 1", "stop", "stop"]);
});

test("another direction follows the move under way, a failure ends it", async () => {
  const { asked, failures, timers, mover, done } = cameraAndMover();
  mover.want({ pan: 1, tilt: 0, zoom: 0 });
  mover.want({ pan: -1, tilt: 0, zoom: 0 });
  asked[0].resolve();
  await settled();
  asked[1].reject(new Error("held"));
  await settled();
  assert.deepEqual([done(), failures, timers.length], [["move 1", "move -1"], ["held"], 0]);
  mover.stop(); // nothing moves
  assert.equal(asked.length, 2);
});

test("what is pressed at the same time adds up", () => {
  assert.deepEqual(velocityOf([{ pan: 1 }, { tilt: -1 }], 0.5), { pan: 0.5, tilt: -0.5, zoom: 0 });
  assert.equal(velocityOf([{ pan: 1 }, { pan: -1 }], 1), null);
  assert.equal(velocityOf([], 1), null);
});

test("every refusal of a camera that turns has words of its own", () => {
  const rules = ["camera-held", "camera-timeout", "camera-not-authorised", "camera-heading-unknown", "camera-out-of-reach", "camera-no-position", "not-audited", "no-server"];
  assert.equal(new Set(rules.map((rule) => notDoneText({ rule, detail: "" }))).size, rules.length);
  assert.match(notDoneText({ rule: "camera-refused", detail: "no such preset" }), /no such preset/);
  assert.equal(new Set(["camera-fixed", "not-permitted", "outside-scope", undefined].map((why) => whyNot({ why, org_name: "x" }))).size, 4);
  assert.equal(directionText({ heading_deg: 359.7, is_zoomed: true }), "Looks 0° north · zoomed in");
  assert.equal(directionText({ heading_deg: null, why: "camera-no-position" }), "It doesn't tell where it looks now.");
  assert.equal(directionText(null), ""); // not asked yet
});

test("a hold that has ended is nobody's, also while no newer word comes", () => {
  const holder = { own: true, until: "2026-05-01T12:15:12Z" };
  const untilS = Date.parse(holder.until) / 1000;
  assert.deepEqual([holderAt(holder, untilS - 0.1), holderAt(holder, untilS), holderAt(null, untilS), holderAt(undefined, untilS)], [holder, null, null, null]);
});

const { state } = await import(new URL("../state.js", source));

test("where a camera looked a quarter of a minute ago is not where it looks now, and one that hangs holds up no other", async (context) => {
  const { directionOf, startDirections, wantDirections } = await import(new URL("directions.js", source));
  const hanging = new Set();
  const signals = [];
  const asked = [];
  let nowMs = 100_000;
  let look = null; // what is done each second
  context.mock.method(performance, "now", () => nowMs);
  context.mock.method(globalThis, "setInterval", (work) => (look = work));
  context.mock.method(AbortSignal, "timeout", (ms) => Object.assign(new EventTarget(), { endMs: nowMs + ms }));
  globalThis.document = { hidden: false };
  globalThis.fetch = (path, { signal }) => {
    const id = path.split("/").at(-2);
    asked.push(id);
    if (!hanging.has(id)) return Promise.resolve({ ok: true, json: async () => ({ heading_deg: 90 }) });
    signals.push(signal);
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
  };
  const pass = async (seconds) => {
    for (let k = 0; k < seconds; k += 1) {
      nowMs += 1_000;
      for (const signal of signals) if (signal.endMs <= nowMs) signal.dispatchEvent(new Event("abort"));
      await settled();
      look();
      await settled();
    }
  };
  const ids = ["a", "b", "c", "d"];
  startDirections();
  wantDirections(ids);
  await pass(2);
  assert.deepEqual(ids.map((id) => directionOf(id)?.heading_deg), [90, 90, 90, 90]);
  for (const id of ["a", "b", "c"]) hanging.add(id);
  await pass(16);
  assert.deepEqual(ids.map((id) => directionOf(id)?.heading_deg), [undefined, undefined, undefined, 90]);
  asked.length = 0;
  await pass(12);
  assert.ok(asked.includes("d"), "three that hang keep every other from being asked");
  wantDirections([]);
});

test("a mark's key stands for one instant", async () => {
  const { bookmark } = await import(new URL("clips.js", source));
  const sent = [];
  globalThis.fetch = async (_, { headers, body }) => (sent.push([headers["Idempotency-Key"], JSON.parse(body).at]), { ok: true });
  state.selection = { kind: "incident", incident_id: "i" };
  for (const atS of [1_000.02, 1_000.07, 1_000.12]) await bookmark({ id: "cam", name: "Gate" }, atS);
  assert.deepEqual(sent[0], sent[1]);
  assert.notDeepEqual(sent[1], sent[2]);
  assert.equal(new Set(sent.map(([, at]) => at)).size, 2);
  assert.ok(Date.parse(sent[1][1]) / 1000 <= 1_000.07, "nothing is marked that has not been yet");
});

const { nearestTo, replayClock, stepOf } = await import(new URL("in_step.js", source));
const rounded = ({ rate, ...more }) => ({ ...more, rate: Number(rate.toFixed(6)) });
const at = (place, more = {}) => ({ at: place, speed: 1, playing: true, seeking: false, ...more });

test("a clip hurries to the clock by a tenth at most, and jumps when it is far off", () => {
  assert.deepEqual(stepOf(10, at(10.005), 60), { place: "inside", play: true, rate: 1 });
  assert.deepEqual(rounded(stepOf(10, at(9.95), 60)), { place: "inside", play: true, rate: 1.05 });
  assert.deepEqual(rounded(stepOf(10, at(10.4), 60)), { place: "inside", play: true, rate: 0.9 });
  assert.deepEqual(stepOf(10, at(9.4), 60), { place: "inside", play: true, seek: 10 });
  assert.deepEqual(stepOf(10, at(9.4, { seeking: true }), 60), { place: "inside", play: true }); // it is on its way
  assert.deepEqual(rounded(stepOf(10, at(8.2, { speed: 4 }), 60)), { place: "inside", play: true, rate: 4.4 });
});

test("a clip stands still with the clock, goes from still to still when it is fast, and shows nothing outside of it", () => {
  assert.deepEqual(stepOf(10, at(9.9, { playing: false }), 60), { place: "inside", play: false, seek: 10 });
  assert.deepEqual(stepOf(10, at(10.01, { playing: false }), 60), { place: "inside", play: false });
  assert.deepEqual(stepOf(10, at(9, { speed: 30 }), 60), { place: "inside", play: false, seek: 10 });
  assert.deepEqual(stepOf(-0.1, at(0), 60), { place: "before", play: false });
  assert.deepEqual(stepOf(60, at(60), 60), { place: "after", play: false });
});

test("a page's clock is the time bar's once that has spoken, and goes on between its words", async () => {
  globalThis.window = new EventTarget();
  const clock = replayClock(() => 5_000);
  assert.deepEqual(clock(), { at: 5_000, speed: 1, playing: true });
  const tell = (detail) => window.dispatchEvent(Object.assign(new Event("liandong-replay"), { detail }));
  tell({ at: 1_000, speed: 10, playing: false });
  assert.deepEqual(clock(), { at: 1_000, speed: 10, playing: false });
  tell({ at: 1_000, speed: 10, playing: true });
  await new Promise((done) => setTimeout(done, 50));
  assert.ok(clock().at > 1_000.4 && clock().at < 1_010);
  clock.stop();
  tell({ at: 7, speed: 1, playing: false });
  assert.ok(clock().at > 1_000);
  tell({ at: null, speed: 1, playing: true });
});

test("what a phone hands over at once is sent in pieces that the server takes", async () => {
  const { Filming } = await import(new URL("../terminal/filming.js", source));
  let media = null;
  globalThis.window = globalThis;
  globalThis.MediaRecorder = class {
    static isTypeSupported = () => true;
    constructor() {
      media = Object.assign(this, { mimeType: "video/webm", state: "recording" });
    }
    start() {}
    stop() {
      this.state = "inactive";
    }
  };
  const chunks = []; // as much of IndexedDB as is needed
  const put = (row) => ({ result: row.data && chunks.push(row) });
  const transaction = () => {
    const through = { objectStore: () => ({ put }) };
    setImmediate(() => through.oncomplete());
    return through;
  };
  globalThis.indexedDB = {
    open() {
      const request = { result: { transaction } };
      setImmediate(() => request.onsuccess());
      return request;
    },
  };
  const filming = new Filming({ changed() {}, begun() {}, kept() {}, ended() {} });
  await filming.record({ getVideoTracks: () => [{ muted: false }], getTracks: () => [] }, { unitId: "u", incidentId: "i" }, 0, null);
  const { run } = filming;
  clearTimeout(run.longest);
  media.ondataavailable({ data: new Blob([]) });
  media.ondataavailable({ data: new Blob([new Uint8Array(3_000_000).map((_, k) => k % 251)]) });
  await run.writing;
  assert.ok(chunks.every(({ data }) => data.byteLength > 0 && data.byteLength <= 1024 * 1024));
  assert.deepEqual(chunks.map(({ seq }) => seq), chunks.map((_, k) => k));
  const sent = Buffer.concat(chunks.map(({ data }) => Buffer.from(data)));
  assert.equal(sent.length, 3_000_000);
  assert.ok(sent.every((byte, k) => byte === k % 251), "in order");
});

test("of more clips than can be shown those of the moment are", () => {
  const clips = Array.from({ length: 12 }, (_, k) => ({ id: k, start_at: 1_000 + 100 * k, duration_s: 60 }));
  const ids = (at, most) => nearestTo(clips, at, most).map(({ id }) => id);
  assert.deepEqual(ids(2_110, 1), [11], "the last one plays too");
  assert.deepEqual(ids(1_530, 3), [4, 5, 6]);
  assert.deepEqual(ids(0, 9), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(nearestTo([{ id: "a", start_at: "2026-05-01T12:00:00Z", duration_s: 5 }], 0, 9).length, 1);
});

test("cameras that are known by their place alone keep no picture from starting", () => {
  const near = [..."abcdefg"].map((id) => ({ id, has_pictures: "ceg".includes(id) }));
  assert.deepEqual(idsOf(starting(near, 2)), ["c", "e"]);
  assert.deepEqual(idsOf(starting(near, 4)), ["c", "e", "g"]);
  assert.deepEqual(idsOf(starting(cameras("a", "b", "c"), 2)), ["a", "b"], "none has: the nearest say so");
});
