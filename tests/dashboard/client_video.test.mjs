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
