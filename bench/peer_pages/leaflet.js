// The dash-leaflet page's own script: units as a GeoJSON layer of circles on a canvas, its data replaced from the browser.
window.dashExtensions = { default: { circle: (feature, latlng) => L.circleMarker(latlng, { radius: 4.5, stroke: false, fillColor: "#35c46a", fillOpacity: 1 }) } };
(() => {
  const twoFrames = () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  function draw(glide) {
    const { lon, lat } = bench.positions(glide);
    const features = Array.from(lon, (_, k) => ({ type: "Feature", properties: {}, geometry: { type: "Point", coordinates: [lon[k], lat[k]] } }));
    dash_clientside.set_props("units", { data: { type: "FeatureCollection", features } });
    // Dash draws when React gets to it: this is the only sign that it has.
    return twoFrames();
  }
  bench.look = ({ lon, lat, zoom }) => dash_clientside.set_props("map", { viewport: { center: [lat, lon], zoom: zoom + 1, transition: "setView" } });
  const wait = setInterval(() => {
    if (!document.querySelector("#map .leaflet-pane")) return;
    clearInterval(wait);
    bench.start(draw);
    bench.ready = true;
  }, 50);
})();
