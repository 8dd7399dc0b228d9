// The map of last positions in one frame: x up, y to the left, as robots see it.

import { byId, colors, el, fit, setLabel } from "./dom.js";

const narrowest = 2, widest = 1e6; // m across
const reach = 8; // px around a robot that count as a click on it

export class Places {
  constructor(store, choose) {
    this.store = store;
    this.choose = choose;
    this.canvas = byId("map");
    this.frames = byId("frame");
    this.center = { x: 0, y: 0 };
    this.across = 20;
    this.auto = true;
    this.listen();
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  // later draws after the next paint: ten thousand dots must not keep a key or a click waiting.
  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => setTimeout(() => {
      this.waiting = false;
      this.choices();
      this.draw();
    }));
  }

  listen() {
    byId("zoom-in").addEventListener("click", () => this.zoom(0.7));
    byId("zoom-out").addEventListener("click", () => this.zoom(1.4));
    byId("zoom-fit").addEventListener("click", () => this.fitAll());
    this.frames.addEventListener("change", () => this.fitAll());
    this.canvas.addEventListener("wheel", (e) => {
      e.preventDefault();
      this.zoom(e.deltaY > 0 ? 1.15 : 0.87);
    }, { passive: false });
    this.canvas.addEventListener("keydown", (e) => this.key(e));
    this.canvas.addEventListener("pointerdown", (e) => {
      this.canvas.setPointerCapture(e.pointerId);
      this.grip = { x: e.clientX, y: e.clientY, far: 0 };
    });
    this.canvas.addEventListener("pointermove", (e) => this.drag(e));
    this.canvas.addEventListener("pointerup", (e) => {
      if (this.grip && this.grip.far < 4) this.pick(e);
      this.grip = null;
    });
    this.canvas.addEventListener("pointercancel", () => (this.grip = null));
  }

  key(event) {
    const step = this.across / 10;
    const moves = { ArrowUp: [step, 0], ArrowDown: [-step, 0], ArrowLeft: [0, step], ArrowRight: [0, -step] };
    if (moves[event.key]) this.move(...moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoom(0.7);
    else if (event.key === "-") this.zoom(1.4);
    else if (event.key.toLowerCase() === "f") this.fitAll();
    else return;
    event.preventDefault();
  }

  drag(event) {
    if (!this.grip) return;
    const dx = event.clientX - this.grip.x, dy = event.clientY - this.grip.y;
    const scale = this.across / this.canvas.clientWidth;
    this.grip = { x: event.clientX, y: event.clientY, far: this.grip.far + Math.abs(dx) + Math.abs(dy) };
    this.move(dy * scale, dx * scale);
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

  // choices offers the frames that robots tell of.
  choices() {
    const known = new Map();
    for (const { frame } of this.store.robots.values()) {
      if (frame !== null) known.set(frame, (known.get(frame) ?? 0) + 1);
    }
    const names = [...known.keys()].sort(), before = [...this.frames.options].map((o) => o.value);
    if (names.join("\n") !== before.join("\n")) {
      const chosen = this.frames.value;
      this.frames.replaceChildren(...names.map((name) => el("option", { value: name, textContent: name })));
      if (known.has(chosen)) this.frames.value = chosen;
    }
  }

  // here are the listed robots of the frame.
  here() {
    const frame = this.frames.value;
    return this.store.listed.filter((r) => r.frame === frame);
  }

  frame(robots, shape) {
    let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
    for (const { x, y } of robots) {
      x0 = Math.min(x0, x);
      x1 = Math.max(x1, x);
      y0 = Math.min(y0, y);
      y1 = Math.max(y1, y);
    }
    this.center = { x: (x0 + x1) / 2, y: (y0 + y1) / 2 };
    this.across = Math.min(widest, Math.max(narrowest, 1.1 * (y1 - y0) + 1, (1.1 * (x1 - x0) + 1) * shape));
  }

  draw() {
    const { context: c, width, height } = fit(this.canvas);
    this.theme = colors("panel", "grid", "quiet", "text", "good", "warn", "bad", "mark");
    c.fillStyle = this.theme.panel;
    c.fillRect(0, 0, width, height);
    const robots = this.here();
    if (this.auto && robots.length) this.frame(robots, width / Math.max(1, height));
    this.scale = width / this.across;
    this.at = (p) => [width / 2 - (p.y - this.center.y) * this.scale, height / 2 - (p.x - this.center.x) * this.scale];
    this.ruler(c, width, height);
    // Those in trouble last, so that they lie on top.
    for (const grade of ["good", "warn", "bad"]) this.dots(c, robots, grade);
    const chosen = robots.find((r) => r.id === this.store.chosen);
    if (chosen) this.ring(c, chosen);
    setLabel(this.canvas, `Map of ${robots.length} robots in the frame ${this.frames.value || "none"}`);
  }

  dots(c, robots, grade) {
    c.fillStyle = this.theme[grade];
    const size = robots.length > 2000 ? 3 : 5;
    for (const r of robots) {
      if (r.kind !== grade) continue;
      const [x, y] = this.at(r);
      c.fillRect(x - size / 2, y - size / 2, size, size);
    }
  }

  ring(c, robot) {
    const [x, y] = this.at(robot);
    c.strokeStyle = this.theme.mark;
    c.lineWidth = 2;
    c.beginPath();
    c.arc(x, y, 9, 0, 2 * Math.PI);
    c.moveTo(x, y);
    c.lineTo(x - 16 * Math.sin(robot.yaw), y - 16 * Math.cos(robot.yaw));
    c.stroke();
  }

  // ruler says how far a length on the map is.
  ruler(c, width, height) {
    const step = 10 ** Math.floor(Math.log10(this.across / 2));
    c.fillStyle = c.strokeStyle = this.theme.quiet;
    c.lineWidth = 1;
    c.font = "11px system-ui, sans-serif";
    c.fillText(`${step} m`, 10, height - 12);
    c.beginPath();
    c.moveTo(10, height - 8.5);
    c.lineTo(10 + step * this.scale, height - 8.5);
    c.stroke();
  }

  // pick chooses the robot nearest to a click.
  pick(event) {
    let best = null, least = reach;
    for (const r of this.here()) {
      const [x, y] = this.at(r);
      const d = Math.hypot(x - event.offsetX, y - event.offsetY);
      if (d < least) [best, least] = [r.id, d];
    }
    if (best) this.choose(best);
  }
}
