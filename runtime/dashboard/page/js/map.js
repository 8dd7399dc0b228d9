// The map from above: x of map points up, y to the left, as a robot that starts sees it.

import { byId, colors, fit, setLabel } from "./dom.js";
import { corners, ellipse } from "./geometry.js";

const trailStep = 0.05, trailMost = 4000; // m, points
const coneLength = 3; // m
const narrowest = 4, widest = 80; // m across

export class Plan {
  constructor(state) {
    this.state = state;
    this.canvas = byId("map");
    this.trail = [];
    this.center = { x: 0, y: 0 };
    this.across = 8; // m that the width shows
    this.auto = true;
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  listen() {
    byId("zoom-in").addEventListener("click", () => this.zoom(0.8));
    byId("zoom-out").addEventListener("click", () => this.zoom(1.25));
    byId("zoom-fit").addEventListener("click", () => this.fitAll());
    this.canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoom(e.deltaY > 0 ? 1.1 : 0.9);
    }, { passive: false });
    this.canvas.addEventListener("keydown", (e) => this.key(e));
    this.canvas.addEventListener("pointerdown", (e) => {
      this.canvas.setPointerCapture(e.pointerId);
      this.grip = { x: e.clientX, y: e.clientY };
    });
    this.canvas.addEventListener("pointermove", (e) => this.drag(e));
    this.canvas.addEventListener("pointerup", () => (this.grip = null));
    this.canvas.addEventListener("pointercancel", () => (this.grip = null));
  }

  key(event) {
    const step = this.across / 10;
    const moves = { ArrowUp: [step, 0], ArrowDown: [-step, 0], ArrowLeft: [0, step], ArrowRight: [0, -step] };
    if (moves[event.key]) this.move(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(0.8);
    else if (event.key === "-") this.zoom(1.25);
    else if (event.key.toLowerCase() === "f") this.fitAll();
    else return;
    event.preventDefault();
  }

  drag(event) {
    if (!this.grip) return;
    const scale = this.across / this.canvas.clientWidth;
    this.move((event.clientY - this.grip.y) * scale, (event.clientX - this.grip.x) * scale);
    this.grip = { x: event.clientX, y: event.clientY };
  }

  move(x, y) {
    this.auto = false;
    this.center = { x: this.center.x + x, y: this.center.y + y };
    this.draw();
  }

  zoom(factor) {
    this.auto = false;
    this.across = Math.min(widest, Math.max(narrowest, this.across * factor));
    this.draw();
  }

  fitAll() {
    this.auto = true;
    this.draw();
  }

  // scene takes a new scene; a new map begins a new trail.
  scene(scene) {
    const last = this.trail.at(-1), { x, y } = scene.pose;
    if (this.epoch !== scene.epoch) this.trail = [];
    this.epoch = scene.epoch;
    if (!last || this.trail.length === 0 || Math.hypot(x - last.x, y - last.y) > trailStep) this.trail.push({ x, y });
    if (this.trail.length > trailMost) this.trail.shift();
    this.draw();
  }

  // frame chooses what is shown, unless a person has.
  frame(scene, shape) {
    const points = [scene.pose, ...this.trail, ...scene.objects.flatMap((o) => corners(o.box))];
    const ahead = { x: scene.pose.x + 2 * Math.cos(scene.pose.yaw), y: scene.pose.y + 2 * Math.sin(scene.pose.yaw) };
    points.push(ahead);
    const xs = points.map((p) => p.x), ys = points.map((p) => p.y);
    const [x0, x1] = [Math.min(...xs), Math.max(...xs)], [y0, y1] = [Math.min(...ys), Math.max(...ys)];
    const want = Math.min(widest, Math.max(narrowest, (y1 - y0 + 1.2), (x1 - x0 + 1.2) * shape));
    // What is seen for the first time must not make the whole map jump: it moves a quarter of the way each time.
    const k = this.framed ? 0.25 : 1;
    this.framed = true;
    this.across += k * (want - this.across);
    this.center.x += k * ((x0 + x1) / 2 - this.center.x);
    this.center.y += k * ((y0 + y1) / 2 - this.center.y);
  }

  draw() {
    const { context: c, width, height } = fit(this.canvas);
    this.theme = colors("panel", "grid", "line", "text", "quiet", "free", "object", "trail", "cone", "mark");
    c.fillStyle = this.theme.panel;
    c.fillRect(0, 0, width, height);
    const { scene } = this.state;
    if (scene && this.auto) this.frame(scene, width / Math.max(1, height));
    this.scale = width / this.across;
    this.at = (p) => [width / 2 - (p.y - this.center.y) * this.scale, height / 2 - (p.x - this.center.x) * this.scale];
    this.grid(c, width, height);
    if (!scene) return;
    this.free(c, scene);
    this.path(c, this.trail, this.theme.trail, 1.5);
    this.cone(c, scene.pose);
    const last = (o) => this.state.highlighted.has(o.id); // on top of the others
    for (const o of [...scene.objects].sort((a, b) => last(a) - last(b))) this.object(c, o);
    this.route(c, scene.pose);
    this.robot(c, scene.pose);
    setLabel(this.canvas, `Map from above with ${scene.objects.length} remembered things; the robot is at ` +
      `${scene.pose.x.toFixed(1)}, ${scene.pose.y.toFixed(1)} m`);
  }

  grid(c, width, height) {
    const step = this.across > 30 ? 5 : 1;
    c.strokeStyle = this.theme.grid;
    c.lineWidth = 1;
    c.beginPath();
    const half = (this.across * height) / width / 2;
    for (let x = Math.ceil((this.center.x - half) / step) * step; x < this.center.x + half; x += step) {
      const y = Math.round(this.at({ x, y: 0 })[1]) + 0.5;
      c.moveTo(0, y);
      c.lineTo(width, y);
    }
    const left = this.center.y + this.across / 2;
    for (let y = Math.ceil((left - this.across) / step) * step; y < left; y += step) {
      const x = Math.round(this.at({ x: 0, y })[0]) + 0.5;
      c.moveTo(x, 0);
      c.lineTo(x, height);
    }
    c.stroke();
    c.fillStyle = c.strokeStyle = this.theme.quiet;
    c.font = "11px system-ui, sans-serif";
    c.textAlign = "center";
    c.fillText(`${step} m`, 10 + (step * this.scale) / 2, height - 12);
    c.textAlign = "left";
    c.beginPath();
    c.moveTo(10, height - 8.5);
    c.lineTo(10 + step * this.scale, height - 8.5);
    c.stroke();
  }

  free(c, scene) {
    const { pose } = scene, [x, y] = this.at(pose);
    c.fillStyle = c.strokeStyle = this.theme.free;
    for (const f of scene.free) {
      const turn = -(pose.yaw + f.bearing) - Math.PI / 2;
      c.beginPath();
      c.moveTo(x, y);
      c.arc(x, y, f.free * this.scale, turn - f.width / 2, turn + f.width / 2);
      c.closePath();
      c.globalAlpha = 0.16;
      c.fill();
      c.globalAlpha = 0.5;
      c.lineWidth = 0.75;
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  cone(c, pose) {
    const { view } = this.state;
    if (!view) return;
    const s = Math.sin(pose.yaw), k = Math.cos(pose.yaw);
    const eye = { x: pose.x + k * view.x - s * view.y, y: pose.y + s * view.x + k * view.y };
    const [x, y] = this.at(eye), turn = -(pose.yaw + view.yaw) - Math.PI / 2;
    c.strokeStyle = this.theme.cone;
    c.lineWidth = 1;
    c.beginPath();
    for (const side of [-1, 1]) {
      const a = turn + (side * view.hfovRad) / 2;
      c.moveTo(x, y);
      c.lineTo(x + coneLength * this.scale * Math.cos(a), y + coneLength * this.scale * Math.sin(a));
    }
    c.stroke();
  }

  path(c, points, color, wide) {
    c.strokeStyle = color;
    c.lineWidth = wide;
    c.beginPath();
    points.forEach((p, i) => (i ? c.lineTo(...this.at(p)) : c.moveTo(...this.at(p))));
    c.stroke();
  }

  object(c, o) {
    const bright = this.state.highlighted.has(o.id);
    const color = bright ? this.theme.mark : this.theme.object;
    const foot = corners(o.box);
    c.strokeStyle = c.fillStyle = color;
    c.lineWidth = bright ? 3 : 1.25;
    c.beginPath();
    for (const i of [0, 1, 3, 2]) c.lineTo(...this.at(foot[i]));
    c.closePath();
    c.globalAlpha = bright ? 0.35 : 0.06 + 0.14 * o.existence;
    c.fill();
    c.globalAlpha = bright ? 1 : 0.35 + 0.65 * o.existence;
    c.stroke();
    const e = ellipse(o.cov), [x, y] = this.at(o.box.center);
    c.setLineDash([3, 3]);
    c.lineWidth = 1;
    c.beginPath();
    c.ellipse(x, y, e.a * this.scale, e.b * this.scale, -e.angle - Math.PI / 2, 0, 2 * Math.PI);
    c.stroke();
    c.setLineDash([]);
    c.globalAlpha = 1;
    c.font = `${bright ? "600 " : ""}11px system-ui, sans-serif`;
    c.fillStyle = bright ? this.theme.mark : this.theme.text;
    c.textAlign = "center";
    c.strokeStyle = this.theme.panel; // a rim keeps names legible where things overlap
    c.lineWidth = 3;
    c.strokeText(`${o.label} ${o.id}`, x, y + 4);
    c.fillText(`${o.label} ${o.id}`, x, y + 4);
    c.textAlign = "left";
  }

  // route draws the legs of an answer that is one.
  route(c, pose) {
    const { steps } = this.state;
    if (steps.length) this.path(c, [pose, ...steps.map((s) => s.end)], this.theme.mark, 2.5);
  }

  robot(c, pose) {
    const [x, y] = this.at(pose);
    c.save();
    c.translate(x, y);
    c.rotate(-pose.yaw);
    c.beginPath();
    c.moveTo(0, -9);
    c.lineTo(6, 7);
    c.lineTo(0, 3.5);
    c.lineTo(-6, 7);
    c.closePath();
    c.fillStyle = this.theme.text;
    c.fill();
    c.restore();
  }
}
