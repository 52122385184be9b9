// The roster page: what changes by itself is fetched anew; what somebody types is left alone. The sheet: printed as it stands.
const RENEW_MS = 5000;
const live = document.getElementById("live");

async function renew() {
  if (document.hidden || live.contains(document.activeElement)) return;
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) throw new Error(`the roster answered ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  if (fresh && !live.contains(document.activeElement)) live.replaceChildren(...fresh.childNodes);
}

// A page that is not renewed any more says so: an old roster looks like a new one.
if (live) {
  setInterval(() => renew().then(() => live.classList.remove("stale"), () => live.classList.add("stale")), RENEW_MS);
  document.querySelector(".choose select").addEventListener("change", (event) => event.target.form.submit());
}
document.querySelector("[data-print]")?.addEventListener("click", () => print());
