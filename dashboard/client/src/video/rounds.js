// Which cameras a wall shows, and when the next ones: pure, so that days can be tried in a moment.
export const LAYOUTS = [1, 4, 9, 16]; // tiles of a wall
export const DWELL_S = { least: 5, usual: 20, most: 3600 };

// What an address asks of a wall: {tiles, group, dwellS}; what makes no sense is what is usual.
export function askedOf(query) {
  const tiles = Number(query.get("tiles"));
  const dwellS = Number(query.get("dwell"));
  return {
    tiles: LAYOUTS.includes(tiles) ? tiles : 9,
    group: (query.get("group") ?? "").trim(),
    dwellS: dwellS >= DWELL_S.least && dwellS <= DWELL_S.most ? dwellS : DWELL_S.usual,
  };
}

// The smallest layout that holds so many, and no larger one than the wall has.
export const layoutFor = (count, most) => LAYOUTS.find((size) => size >= Math.min(count, most)) ?? most;

// A round's page number `turn` of a group on `free` tiles. The last page is filled from the front, so that no tile is empty.
export function pageOf(cameras, free, turn) {
  if (free <= 0 || !cameras.length) return [];
  if (cameras.length <= free) return cameras;
  const first = (turn % pagesOf(cameras.length, free)) * free;
  return Array.from({ length: free }, (_, k) => cameras[(first + k) % cameras.length]);
}

export const pagesOf = (count, free) => Math.max(1, Math.ceil(count / Math.max(1, free)));

// Which tile shows which camera next: one that stays keeps its tile. Returns an array as long as `shown`, of cameras or null.
export function placed(wanted, shown) {
  const left = new Map(wanted.map((camera) => [camera.id, camera]));
  const next = shown.map((camera) => {
    const stays = camera && left.get(camera.id);
    if (stays) left.delete(camera.id);
    return stays || null;
  });
  const rest = [...left.values()];
  return next.map((camera) => camera ?? rest.shift() ?? null);
}

// Cameras that a desk adds to those it sent before: newest first, each once.
export function added(before, fresh, most) {
  const isFresh = new Set(fresh.map((camera) => camera.id));
  return [...fresh, ...before.filter((camera) => !isFresh.has(camera.id))].slice(0, most);
}

// A message's cameras as far as they make sense: others' programs may push to a wall too.
export function camerasIn(view, most) {
  const given = Array.isArray(view?.cameras) ? view.cameras : [];
  const sound = given.filter((camera) => typeof camera?.id === "string" && camera.id.length <= 64);
  return sound.slice(0, most).map(({ id, name, name_en }) => ({ id, name: text(name), name_en: text(name_en) }));
}

// Whether a desk that is followed is still there: what it sends comes each ten seconds at least (following.js).
const FOLLOWED_S = 30;
export const isFollowed = (sent, nowS) => sent.follows === true && nowS - sent.at < FOLLOWED_S;

const text = (value) => (typeof value === "string" ? value.slice(0, 200) : "");
