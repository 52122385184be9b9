// Rings by road and the streets that are reached: areas, outer edges, streets, and the point they are drawn towards.
import { IconLayer, LineLayer, PathLayer, SolidPolygonLayer } from "@deck.gl/layers";
import { magnified, rgb, theme, token } from "./draw.js";

export function sceneLayers(scene, atlas) {
  const tint = (minutes, alpha) => rgb(token(`ring-${minutes}`) || token("ring-5"), alpha);
  const areas = scene.rings.flatMap((ring) => ring.polygons.map((polygon) => ({ minutes: ring.minutes, polygon })));
  // Outer edges only: around every block that is not reached a line would be drawn twice, by the area and by its streets.
  const outlines = areas.map((area) => ({ minutes: area.minutes, path: area.polygon[0] }));
  const isDark = theme() === "dark";
  return [
    new SolidPolygonLayer({
      id: "ring-areas",
      data: areas,
      getPolygon: (area) => area.polygon,
      getFillColor: (area) => tint(area.minutes, isDark ? 26 : 34),
      parameters: { depthCompare: "always" },
    }),
    new LineLayer({
      id: "ring-streets",
      data: segments(scene.streets, (minutes) => tint(minutes, minutes <= 1 ? 235 : minutes <= 3 ? 190 : 130)),
      getWidth: 7,
      widthUnits: "meters",
      widthMinPixels: 1.4,
      widthMaxPixels: 5,
      parameters: { depthCompare: "always" },
    }),
    new PathLayer({
      id: "ring-outlines",
      data: outlines,
      getPath: (outline) => outline.path,
      getColor: (outline) => tint(outline.minutes, 235),
      getWidth: 1.6 * magnified(),
      widthUnits: "pixels",
      jointRounded: true,
      parameters: { depthCompare: "always" },
    }),
    new IconLayer({
      id: "scene-point",
      data: scene.point ? [scene.point] : [],
      iconAtlas: atlas.image,
      iconMapping: atlas.mapping,
      getIcon: () => "target",
      getPosition: (point) => point,
      getSize: 40 * magnified(),
      parameters: { depthCompare: "always" },
    }),
  ];
}

// Streets as single lines in typed arrays: some thousands of them are drawn whenever a crew moves, and a path, whose every corner is
// rounded, has six times the corners to compute: much for a computer without a graphics card. At five pixels at most nobody sees them.
function segments(streets, colourOf) {
  const count = streets.reduce((sum, street) => sum + street.path.length - 1, 0);
  const [from, to, colours] = [new Float64Array(2 * count), new Float64Array(2 * count), new Uint8ClampedArray(4 * count)];
  let place = 0;
  for (const { minutes, path } of streets) {
    const colour = colourOf(minutes);
    for (let k = 1; k < path.length; k += 1, place += 1) {
      from.set(path[k - 1], 2 * place);
      to.set(path[k], 2 * place);
      colours.set(colour, 4 * place);
    }
  }
  const attributes = { getSourcePosition: { value: from, size: 2 }, getTargetPosition: { value: to, size: 2 }, getColor: { value: colours, size: 4 } };
  return { length: count, attributes };
}
