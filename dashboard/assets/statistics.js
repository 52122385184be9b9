// The figures of the pages of statistics. Each stands in its place as plain data; the tables say the same without them.
const style = getComputedStyle(document.documentElement);
const coloured = (key, value) => (typeof value === "string" && value.startsWith("--") ? style.getPropertyValue(value).trim() : value);
for (const place of document.querySelectorAll("[data-figure]")) {
  const { data, layout } = JSON.parse(place.dataset.figure, coloured);
  Plotly.newPlot(place, data, layout, { displayModeBar: false, responsive: true });
}
for (const choice of document.querySelectorAll(".tools select")) choice.addEventListener("change", () => choice.form.requestSubmit());
