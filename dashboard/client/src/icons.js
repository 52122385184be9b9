// One texture with everything the overlay stamps: unit bodies (shape by kind, colour and glyph by status), heading arrows,
// incident signs (shape, colour and digit by grade), element badges (own SVG on a roundel), selection rings.
import { CAMERA } from "./video/camera.js";
import { HEALTH, drawMark } from "./video/camera_marks.js";

const CELL = 72; // texture pixels a cell; drawn at 18–34 screen pixels, so it stays sharp on a screen of double density
const PER_ROW = 14;

function polygon(ctx, sides, radius, turn = 0) {
  ctx.beginPath();
  for (let k = 0; k < sides; k += 1) {
    const angle = turn + (k * 2 * Math.PI) / sides;
    ctx.lineTo(Math.sin(angle) * radius, -Math.cos(angle) * radius);
  }
  ctx.closePath();
}

const SHAPES = {
  circle: (ctx, r) => {
    ctx.beginPath();
    ctx.arc(0, 0, r, 0, 2 * Math.PI);
  },
  squircle: (ctx, r) => {
    ctx.beginPath();
    ctx.roundRect(-r * 0.94, -r * 0.94, r * 1.88, r * 1.88, r * 0.42);
  },
  hexagon: (ctx, r) => polygon(ctx, 6, r * 1.12),
  octagon: (ctx, r) => polygon(ctx, 8, r * 1.04, Math.PI / 8),
  triangle: (ctx, r) => {
    ctx.beginPath();
    ctx.moveTo(0, -r * 1.12);
    ctx.lineTo(r * 1.16, r * 0.88);
    ctx.lineTo(-r * 1.16, r * 0.88);
    ctx.closePath();
  },
  diamond: (ctx, r) => polygon(ctx, 4, r * 1.2),
};

const GLYPHS = {
  dot: (ctx) => {
    ctx.beginPath();
    ctx.arc(0, 0, 6, 0, 2 * Math.PI);
    ctx.fill();
  },
  bang: (ctx) => {
    ctx.fillRect(-3, -12, 6, 14);
    ctx.fillRect(-3, 6, 6, 6);
  },
  chevron: (ctx) => {
    ctx.beginPath();
    ctx.moveTo(-7, -10);
    ctx.lineTo(6, 0);
    ctx.lineTo(-7, 10);
    ctx.lineWidth = 6;
    ctx.stroke();
  },
  square: (ctx) => ctx.fillRect(-8, -8, 16, 16),
  half: (ctx) => {
    ctx.beginPath();
    ctx.arc(0, 0, 9, Math.PI / 2, (3 * Math.PI) / 2);
    ctx.fill();
  },
  bar: (ctx) => ctx.fillRect(-10, -3.5, 20, 7),
  cross: (ctx) => {
    ctx.beginPath();
    ctx.moveTo(-8, -8);
    ctx.lineTo(8, 8);
    ctx.moveTo(8, -8);
    ctx.lineTo(-8, 8);
    ctx.lineWidth = 5;
    ctx.stroke();
  },
};

async function loadSvg(url) {
  const image = new Image(48, 48);
  image.src = url;
  await image.decode();
  return image;
}

// The atlas for one theme: {image, mapping}; mapping names: unit:<kind>:<status>, arrow:<status>, incident:<grade>,
// element:<id>, element:street_camera:<health>, gate:closed, gate:open, ring, target.
export async function drawAtlas(config, theme) {
  const { marks, catalogue } = config;
  const tokens = marks.tokens[theme];
  const elements = catalogue.flatMap((category) => category.elements.map((element) => element.id));
  const svgs = new Map(await Promise.all(elements.map(async (id) => [id, await loadSvg(`/assets/icons/${id}.svg`).catch(() => loadSvg("/assets/icons/element.svg"))])));
  const cells = [];
  const edge = theme === "dark" ? "#05080b" : "#ffffff";

  marks.kinds.forEach((kind, k) =>
    marks.statuses.forEach((status, s) =>
      cells.push([`unit:${k}:${s}`, (ctx) => {
        SHAPES[kind.shape](ctx, 24);
        ctx.fillStyle = status[theme];
        ctx.strokeStyle = edge;
        ctx.lineWidth = 7;
        ctx.stroke();
        ctx.fill();
        ctx.fillStyle = ctx.strokeStyle = theme === "dark" ? "#0a1016" : "#ffffff";
        ctx.lineJoin = ctx.lineCap = "round";
        GLYPHS[status.glyph](ctx);
      }]),
    ),
  );
  marks.statuses.forEach((status, s) =>
    cells.push([`arrow:${s}`, (ctx) => {
      ctx.beginPath();
      ctx.moveTo(0, -36);
      ctx.lineTo(15, -19);
      ctx.quadraticCurveTo(0, -27, -15, -19);
      ctx.closePath();
      ctx.strokeStyle = edge;
      ctx.lineWidth = 4;
      ctx.stroke();
      ctx.fillStyle = status[theme];
      ctx.fill();
    }]),
  );
  for (const [grade, mark] of Object.entries(marks.grades))
    cells.push([`incident:${grade}`, (ctx) => {
      SHAPES[mark.shape](ctx, 25);
      ctx.lineJoin = "round";
      ctx.strokeStyle = theme === "dark" ? "#ffffff" : "#ffffff";
      ctx.lineWidth = 9;
      ctx.stroke();
      ctx.strokeStyle = theme === "dark" ? "#1a0508" : mark[theme];
      ctx.lineWidth = 4;
      ctx.stroke();
      ctx.fillStyle = mark[theme];
      ctx.fill();
      ctx.fillStyle = theme === "dark" ? "#14090b" : "#ffffff";
      ctx.font = '800 32px "Inter Variable", sans-serif';
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(grade, 0, mark.shape === "triangle" ? 8 : 2);
    }]);
  const badge = (ctx, id) => {
    SHAPES.circle(ctx, 26);
    ctx.fillStyle = tokens.raised;
    ctx.strokeStyle = tokens["line-strong"];
    ctx.lineWidth = 3;
    ctx.fill();
    ctx.stroke();
    ctx.drawImage(tinted(svgs.get(id), tokens.text), -17, -17, 34, 34);
  };
  for (const id of elements) cells.push([`element:${id}`, (ctx) => badge(ctx, id)]);
  if (svgs.has(CAMERA))
    for (const health of HEALTH)
      cells.push([`element:${CAMERA}:${health}`, (ctx) => {
        badge(ctx, CAMERA);
        drawMark(ctx, health, tokens);
      }]);
  // A gate of a duty circle: a closed bar where it is manned, or not asked; two posts without one where nobody stands.
  for (const name of ["closed", "open"])
    cells.push([`gate:${name}`, (ctx) => {
      SHAPES.squircle(ctx, 24);
      ctx.fillStyle = tokens.panel;
      ctx.strokeStyle = name === "closed" ? tokens.circle : tokens.warn;
      ctx.lineWidth = 5;
      ctx.fill();
      ctx.stroke();
      ctx.fillStyle = ctx.strokeStyle;
      ctx.fillRect(-15, -12, 5, 24);
      ctx.fillRect(10, -12, 5, 24);
      if (name === "closed") ctx.fillRect(-15, -5, 30, 10);
    }]);
  cells.push(["ring", (ctx) => {
    SHAPES.circle(ctx, 30);
    ctx.strokeStyle = tokens.accent;
    ctx.lineWidth = 5;
    ctx.stroke();
  }]);
  cells.push(["target", (ctx) => {
    ctx.strokeStyle = tokens.accent;
    ctx.lineWidth = 4;
    SHAPES.circle(ctx, 14);
    ctx.stroke();
    for (let k = 0; k < 4; k += 1) {
      ctx.rotate(Math.PI / 2);
      ctx.beginPath();
      ctx.moveTo(0, -10);
      ctx.lineTo(0, -30);
      ctx.stroke();
    }
  }]);

  const canvas = document.createElement("canvas");
  canvas.width = CELL * PER_ROW;
  canvas.height = CELL * Math.ceil(cells.length / PER_ROW);
  const ctx = canvas.getContext("2d");
  const mapping = {};
  cells.forEach(([name, draw], k) => {
    const x = (k % PER_ROW) * CELL;
    const y = Math.floor(k / PER_ROW) * CELL;
    ctx.save();
    ctx.translate(x + CELL / 2, y + CELL / 2);
    draw(ctx);
    ctx.restore();
    mapping[name] = { x, y, width: CELL, height: CELL, anchorX: CELL / 2, anchorY: CELL / 2, mask: false };
  });
  return { image: ctx.getImageData(0, 0, canvas.width, canvas.height), mapping };
}

function tinted(image, colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 48;
  const ctx = canvas.getContext("2d");
  ctx.drawImage(image, 0, 0, 48, 48);
  ctx.globalCompositeOperation = "source-in";
  ctx.fillStyle = colour;
  ctx.fillRect(0, 0, 48, 48);
  return canvas;
}
