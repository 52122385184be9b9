// Pure rules of the client's video part; run by test_client_video.py with `node --test`.
import assert from "node:assert/strict";
import test from "node:test";

const source = new URL("../../dashboard/client/src/video/", import.meta.url);
const { added, askedOf, camerasIn, layoutFor, pageOf, pagesOf, placed } = await import(new URL("rounds.js", source));
const { verdictOf } = await import(new URL("verdict.js", source));

const cameras = (...ids) => ids.map((id) => ({ id }));
const idsOf = (some) => some.map((camera) => camera?.id ?? null);
const live = { phase: "live", ageS: 0.2, reason: "", text: "", state: null };

test("an address that makes no sense is what is usual", () => {
  assert.deepEqual(askedOf(new URLSearchParams("tiles=16&dwell=40&group=org:330203")), { tiles: 16, dwellS: 40, group: "org:330203" });
  assert.deepEqual(askedOf(new URLSearchParams("tiles=5&dwell=0")), { tiles: 9, dwellS: 20, group: "" });
  assert.deepEqual(askedOf(new URLSearchParams("tiles=four&dwell=NaN")), { tiles: 9, dwellS: 20, group: "" });
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

const { replayClock, stepOf } = await import(new URL("in_step.js", source));
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
