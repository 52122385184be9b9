// Looking back in a tile; run by test_client_video.py with `node --test`.
import assert from "node:assert/strict";
import test, { mock } from "node:test";

const source = new URL("../../dashboard/client/src/video/", import.meta.url);
const { Recorded } = await import(new URL("recorded.js", source));
const settled = () => new Promise((resolve) => setImmediate(resolve));
const NOW_S = 1_780_000_000;
const sincePast = (iso) => Date.parse(iso) / 1000 - NOW_S;

// A tile that looks back: what it asks for is answered as told, spans that begin at what was asked and last `lengthS`, of an `end` after
// which nothing was recorded; and a page that plays nothing but says what it is told to say.
async function lookingBack(fromS, { kind = "mp4", lengthS = 300, end = 0, refuses = () => null } = {}) {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW_S * 1000 });
  const asked = [];
  const sockets = [];
  let frame = null;
  const said = { caughtUp: 0 };
  globalThis.location = { href: "http://here/" };
  globalThis.WebSocket = class {
    constructor() {
      sockets.push(this);
    }
    close() {}
  };
  globalThis.fetch = async (_url, { body }) => {
    const at = sincePast(JSON.parse(body).at);
    asked.push(at);
    const problem = refuses(at) ?? (at > end ? { type: "urn:liandong:problem:no-recorder", message_en: "Nothing was recorded" } : null);
    const iso = (s) => new Date((NOW_S + s) * 1000).toISOString();
    const found = { kind, url: "/video/x", start_at: iso(at), end_at: iso(Math.min(end, at + lengthS)), time_source: "camera" };
    return { ok: !problem, status: problem ? 503 : 200, json: async () => problem ?? found };
  };
  const video = {
    currentTime: 0,
    buffered: [],
    requestVideoFrameCallback: (told) => (frame = told),
    cancelVideoFrameCallback() {},
    getAttribute: () => video.src,
    removeAttribute: () => Object.assign(video, { src: null, currentTime: 0 }),
    load() {},
    play: async () => {},
  };
  const recorded = new Recorded(video, "gate", { changed() {}, caughtUp: () => (said.caughtUp += 1) });
  await recorded.from(NOW_S + fromS);
  return {
    asked, recorded, said, video, sockets,
    shows: (seconds) => {
      video.currentTime = seconds;
      if (kind === "mp4") video.onplaying();
      else frame(0, { mediaTime: seconds });
    },
    breaksOff: (refused) => {
      if (refused) sockets.at(-1).onmessage({ data: JSON.stringify({ refused, message_en: `Refused: ${refused}` }) });
      sockets.at(-1).onclose({ code: 1006, reason: "" });
    },
    passes: async (ms) => {
      mock.timers.tick(ms);
      await settled();
    },
  };
}

async function lookingBackAt(given, what, check) {
  try {
    await check(await lookingBack(given, what));
  } finally {
    mock.timers.reset();
  }
}

test("when one span has been played the next is asked for, until the present", () =>
  lookingBackAt(-500, { end: -1 }, async ({ asked, said, shows, video }) => {
    shows(300);
    video.onended();
    await settled();
    assert.deepEqual([asked, said.caughtUp], [[-500, -200], 0]);
    shows(199);
    video.onended();
    await settled();
    assert.deepEqual([asked, said.caughtUp], [[-500, -200], 1]);
  }));

test("where recording ended it goes live, whether the server has nothing more or the same again", async () => {
  for (const refuses of [() => null, (at) => (at >= -100 ? { type: "urn:liandong:problem:no-recorder" } : null)])
    await lookingBackAt(-160, { end: -100, refuses }, async ({ asked, recorded, said, shows, video }) => {
      shows(60);
      video.onended();
      await settled();
      assert.deepEqual([asked, said.caughtUp, recorded.text], [[-160, -100], 1, ""]);
    });
});

test("where nothing was recorded from the first, that is said", () =>
  lookingBackAt(-160, { end: -200 }, ({ recorded, said }) => {
    assert.deepEqual([said.caughtUp, recorded.text], [0, "Nothing was recorded"]);
  }));

test("a recorder's stream that breaks off goes on where it was, later each time", () =>
  lookingBackAt(-600, { kind: "ws-fmp4" }, async ({ asked, breaksOff, passes, recorded, said, shows }) => {
    shows(10);
    breaksOff();
    assert.equal(recorded.atS, NaN, "no picture, no time of one");
    await passes(1_000);
    assert.deepEqual(asked, [-600, -590]);
    breaksOff();
    await passes(1_000);
    assert.equal(asked.length, 2);
    await passes(3_000);
    breaksOff();
    await passes(15_000);
    assert.deepEqual(asked, [-600, -590, -590, -590]);
    breaksOff();
    await passes(600_000);
    assert.deepEqual([asked.length, said.caughtUp, recorded.text], [4, 0, "?"]);
    recorded.again();
    await settled();
    shows(2);
    assert.deepEqual([asked.at(-1), recorded.text], [-590, ""]);
    recorded.close();
  }));

test("a stream that has come to the end of its span is followed by the next", () =>
  lookingBackAt(-600, { kind: "ws-fmp4" }, async ({ asked, breaksOff, shows }) => {
    shows(298.5);
    breaksOff();
    await settled();
    assert.deepEqual(asked, [-600, -300]);
  }));

test("a stream that is refused says why, and is asked for again", () =>
  lookingBackAt(-600, { kind: "ws-fmp4" }, async ({ asked, breaksOff, passes, recorded, said, shows }) => {
    breaksOff("at-limit");
    assert.deepEqual([recorded.text, said.caughtUp], ["Refused: at-limit", 0]);
    await passes(1_000);
    assert.deepEqual(asked, [-600, -600]);
    shows(1);
    assert.equal(recorded.text, "");
  }));

test("a copy that the server has no more is asked for once more, from where it was", () =>
  lookingBackAt(-600, {}, async ({ asked, passes, recorded, shows, video }) => {
    shows(100);
    video.onerror();
    await passes(0);
    assert.deepEqual(asked, [-600, -500]);
    video.onerror();
    await passes(600_000);
    assert.deepEqual([asked.length, recorded.text], [2, "?"]);
  }));
