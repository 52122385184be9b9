// Runs in <head>, before anything is drawn: language and theme of the address become cookies, because the page's layout is
// asked for by a request that does not carry the address; page and theme become attributes that the style sheet reads.
import "./markup.js";

const query = new URLSearchParams(location.search);
const root = document.documentElement;

function remembered(name) {
  const found = document.cookie.split("; ").find((part) => part.startsWith(`${name}=`));
  return found ? found.slice(name.length + 1) : null;
}

function remember(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=lax`;
}

const wantedLang = query.get("lang");
if (wantedLang === "zh" || wantedLang === "en") remember("liandong_lang", wantedLang);
const lang = remembered("liandong_lang") || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
if (!remembered("liandong_lang")) remember("liandong_lang", lang);

const wantedTheme = query.get("theme");
if (wantedTheme === "dark" || wantedTheme === "light") remember("liandong_theme", wantedTheme);

root.lang = lang === "zh" ? "zh-CN" : "en";
root.dataset.theme = remembered("liandong_theme") || "dark";
root.dataset.page = location.pathname.replace(/\/$/, "") === "/wall" ? "wall" : "desk";
if (root.dataset.page === "wall") root.dataset.screen = query.get("screen") || "all";
