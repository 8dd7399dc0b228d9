// The picture with what was seen in it.

import { byId, colors, el, fit, fixed, setLabel, setText } from "./dom.js";
import { corners, edges, nearest, segment, toBase, toOptical } from "./geometry.js";

// Boxes lie on pictures, not on the theme: light lines with a dark rim are legible on both.
const plain = "#8fe8ff", faint = "#c9d1d9", marked = "#ffb000", rim = "rgba(0,0,0,0.65)";
const low = [33, 102, 172], middle = [217, 217, 217], high = [217, 95, 2]; // of the gate's scale, as in style.css

export class Camera {
  constructor(state, live, shown) {
    this.state = state;
    this.live = live;
    this.shown = shown;
    this.cameras = [];
    this.canvas = byId("picture");
    this.legend = byId("picture-legend");
    this.tokens = document.createElement("canvas");
    this.count = 0;
    byId("stream").addEventListener("change", (e) => this.choose(e.target.value));
    byId("eye").addEventListener("change", (e) => this.turn(Number(e.target.value)));
    byId("strength").addEventListener("input", () => this.draw());
    byId("remembered").addEventListener("change", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    this.explain();
  }

  // eyes takes the cameras that there are. One that was chosen stays, also over a restart of the robot.
  eyes(list) {
    this.cameras = list;
    byId("eyes").hidden = list.length < 2;
    byId("eye").replaceChildren(...list.map((c, i) => el("option", { value: i }, c.name)));
    this.turn(Math.min(this.live.camera, list.length - 1));
  }

  turn(camera) {
    const c = this.cameras[camera];
    if (camera !== this.live.camera) {
      this.bitmap?.close();
      this.bitmap = this.overlay = null;
      this.live.turn(camera);
    }
    byId("eye").value = camera;
    this.state.view = c;
    setText(byId("camera-title"), `Camera ${c.name}${c.calibrated ? "" : " (not calibrated)"}`);
    this.shown();
  }

  choose(stream) {
    this.overlay = null;
    this.live.choose(stream);
    this.explain();
    this.draw();
  }

  // picture takes a JPEG. It is acknowledged even when it cannot be shown, for the next one may.
  async picture(head, data) {
    try {
      const next = await createImageBitmap(new Blob([data], { type: "image/jpeg" }));
      if (head.camera !== this.live.camera) return; // it was on its way when another was chosen
      this.bitmap?.close();
      this.bitmap = next;
      this.head = head;
      this.draw();
      if (this.count++ === 0) performance.mark("live");
      document.body.dataset.pictures = this.count;
    } finally {
      this.live.send({ drawn: true });
    }
  }

  // tokenMap takes an overlay: bytes for each token of the grid.
  tokenMap(head, data) {
    if (head.stream !== byId("stream").value || head.camera !== this.live.camera) return;
    const image = new ImageData(head.cols, head.rows);
    for (let i = 0; i < head.cols * head.rows; i++) {
      const rgb = head.stream === "gate" ? ramp(data[i] / 255) : [data[3 * i], data[3 * i + 1], data[3 * i + 2]];
      image.data.set([...rgb, 255], 4 * i);
    }
    this.tokens.width = head.cols;
    this.tokens.height = head.rows;
    this.tokens.getContext("2d").putImageData(image, 0, 0);
    const first = !this.overlay;
    this.overlay = head;
    document.body.dataset.overlay = `${head.stream} ${head.seq}`;
    this.explain();
    if (first) this.draw();
  }

  draw() {
    const { context, width, height } = fit(this.canvas);
    context.fillStyle = colors("ground").ground;
    context.fillRect(0, 0, width, height);
    if (this.bitmap) context.drawImage(this.bitmap, 0, 0, width, height);
    if (this.overlay) {
      context.globalAlpha = byId("strength").value / 100;
      context.imageSmoothingEnabled = false;
      context.drawImage(this.tokens, 0, 0, width, height);
      context.globalAlpha = 1;
    }
    this.boxes(context, width, height);
  }

  boxes(context, width, height) {
    const { scene, view, highlighted } = this.state;
    if (!scene || !view) return;
    const now = new Set(scene.now.map((o) => o.id));
    const others = scene.objects.filter((o) => !now.has(o.id));
    const shown = (o) => highlighted.has(o.id) || byId("remembered").checked;
    const lines = [
      ...others.filter(shown).map((o) => ({ o, dashed: true })), ...scene.now.map((o) => ({ o, dashed: false })),
    ];
    lines.sort((a, b) => highlighted.has(a.o.id) - highlighted.has(b.o.id));
    const tags = lines.map(({ o, dashed }) => this.box(context, { width, height }, o, dashed)).filter((t) => t);
    this.tags(context, { width, height }, tags);
    setLabel(this.canvas, `Camera picture with ${tags.length} boxes, ` +
      `${scene.now.length} things in the newest observation`);
  }

  // box draws one and returns what to write on it, or null when no part of it is in the picture.
  box(context, size, o, dashed) {
    const { scene, view, highlighted } = this.state;
    const points = corners(o.box).map((p) => toOptical(view, toBase(scene.pose, p)));
    const lines = edges.map(([a, b]) => segment(view, points[a], points[b])).filter((l) => l !== null);
    const on = (p) => p.x > 0 && p.x < 1 && p.y > 0 && p.y < 1;
    if (!lines.some(([a, b]) => on(a) || on(b))) return null;
    const bright = highlighted.has(o.id);
    const path = new Path2D();
    for (const [a, b] of lines) {
      path.moveTo(a.x * size.width, a.y * size.height);
      path.lineTo(b.x * size.width, b.y * size.height);
    }
    context.setLineDash(dashed ? [5, 4] : []);
    const color = bright ? marked : dashed ? faint : plain;
    for (const [style, wide] of [[rim, 3], [color, 1.25]]) {
      context.strokeStyle = style;
      context.lineWidth = bright ? wide + 1.5 : wide;
      context.stroke(path);
    }
    context.setLineDash([]);
    const far = nearest(scene.pose, o.box), all = lines.flat();
    return {
      x: Math.min(...all.map((p) => p.x)) * size.width, y: Math.min(...all.map((p) => p.y)) * size.height - 15,
      color, rank: bright ? -1 : far, text: `${o.label} ${o.id ?? ""} ${fixed(far)} m`,
    };
  }

  // tags writes on the boxes, what matters most first; what would cover another is left out.
  tags(context, size, tags) {
    const clamp = (v, most) => Math.max(2, Math.min(v, most)), tall = 14, placed = [];
    context.font = "11px system-ui, sans-serif";
    for (const { x, y, color, text } of tags.sort((a, b) => a.rank - b.rank)) {
      const wide = context.measureText(text).width + 6;
      const at = { x: clamp(x, size.width - wide - 2), y: clamp(y, size.height - tall - 2), wide };
      if (placed.some((p) => Math.abs(p.y - at.y) < tall && p.x < at.x + wide && at.x < p.x + p.wide)) continue;
      placed.push(at);
      context.fillStyle = "rgba(0,0,0,0.72)";
      context.fillRect(at.x, at.y, wide, tall);
      context.fillStyle = color;
      context.fillText(text, at.x + 3, at.y + 11);
    }
  }

  explain() {
    const stream = byId("stream").value, o = this.overlay;
    if (stream === "") {
      this.legend.replaceChildren("Boxes: seen in the newest observation. Dashed: remembered.");
    } else if (!o) {
      this.legend.replaceChildren("Waiting for the next observation.");
    } else if (stream === "gate") {
      this.legend.replaceChildren(`geometry ${fixed(o.low, 2)}`, el("span", { className: "scale" }),
        `${fixed(o.high, 2)} meaning; mean ${fixed(o.mean, 3)}, set for: ${o.family}`);
    } else {
      this.legend.replaceChildren(`${stream}: the first three principal components as red, green and blue, ` +
        `${o.cols} × ${o.rows} tokens`);
    }
  }
}

function ramp(t) {
  const [from, to, k] = t < 0.5 ? [low, middle, 2 * t] : [middle, high, 2 * t - 1];
  return from.map((v, i) => v + k * (to[i] - v));
}
