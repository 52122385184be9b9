// Rings by road and the streets that are reached: areas, outer edges, streets, and the point they are drawn towards.
import { IconLayer, PathLayer, SolidPolygonLayer } from "@deck.gl/layers";
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
    new PathLayer({
      id: "ring-streets",
      data: scene.streets,
      getPath: (street) => street.path,
      getColor: (street) => tint(street.minutes, street.minutes <= 1 ? 235 : street.minutes <= 3 ? 190 : 130),
      getWidth: 7,
      widthMinPixels: 1.4,
      widthMaxPixels: 5,
      capRounded: true,
      updateTriggers: { getColor: theme() },
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
