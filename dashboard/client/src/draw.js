// Small things every layer is drawn with: theme, colours, sizes.
import { state } from "./state.js";

export const FONT = '"Inter Variable", "Noto Sans SC Variable", "Noto Sans CJK SC", sans-serif';

// How much larger than on a desk things are drawn: a wall is read from eight metres.
export const magnified = () => (document.documentElement.dataset.page === "wall" ? Math.max(1.25, innerHeight / 1300) : 1);
export const theme = () => document.documentElement.dataset.theme;
export const token = (name) => state.config.marks.tokens[theme()][name];

export function rgb(hex, alpha = 255) {
  const n = parseInt(hex.slice(1, 7), 16);
  return [n >> 16, (n >> 8) & 255, n & 255, alpha];
}

// What is told several times before the page is drawn, drawn once: in the next animation frame.
export function inNextFrame(work) {
  let asked = 0;
  return () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      work();
    });
  };
}

export const sizeAt = (zoom, small, large) => (small + (large - small) * Math.min(1, Math.max(0, (zoom - 10) / 5))) * magnified();
