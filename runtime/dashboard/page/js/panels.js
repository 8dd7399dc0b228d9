// What is said in words and numbers: header, objects, system, log.

import { byId, bytes, duration, el, fixed, pairs, setText } from "./dom.js";
import { bearing, nearest } from "./geometry.js";

const linesKept = 500;

function pill(id, text, kind) {
  const node = byId(id);
  setText(node, text);
  node.className = `pill ${kind}`;
}

export function connected(yes) {
  pill("pill-page", yes ? "page live" : "robot unreachable", yes ? "good" : "bad");
}

// report fills header and system.
export function report(r) {
  const s = r.state, grade = { ok: "good", starting: "warn", degraded: "warn", failed: "bad" };
  pill("pill-health", `robot ${s.health}`, grade[s.health] ?? "");
  pill("pill-link", r.connected ? "broker connected" : "broker away", r.connected ? "good" : "bad");
  const run = s.runtime;
  pairs(byId("facts"), [
    ["runs on", `${run.provider} ${run.precision}${run.degraded ? ", degraded" : ""}`, run.degraded ? "warn" : ""],
    ["frames", `${fixed(r.frameHz)} /s`], ["observations", `${fixed(r.observationHz)} /s`],
    ["outbox", `${s.outbox.depth}`, s.outbox.depth > 0 && !r.connected ? "warn" : ""],
    ["up", duration(s.uptimeSeconds)],
  ]);
  const d = s.outbox.dropped;
  const lost = d.stats + d.scene + d.watches + d.events + d.answers;
  pairs(byId("details"), [
    ["Broker", `${r.broker}${r.connected ? "" : `: ${r.linkError || "not connected"}`}`, r.connected ? "" : "bad"],
    ["Connections", `${s.link.connections}; ${s.link.published} published, ${s.link.unconfirmed} sent again, ` +
      `${s.link.refused} refused`],
    ["Outbox", `${s.outbox.depth} waiting, ${bytes(s.outbox.bytes)}, oldest ${duration(s.outbox.oldestSeconds)}, ` +
      `${s.outbox.durable ? "on disk" : "in memory"}`],
    ["Given up", `${lost} messages`, lost ? "warn" : ""],
    ...s.cameras.map((cam) => [
      `Camera ${cam.name}`, `${cam.state}, ${fixed(cam.fps)} /s, ${cam.skipped} skipped, ${cam.reconnects} reconnects`,
      cam.state === "running" ? "" : "warn",
    ]),
    ["Provider", `${run.provider} ${run.precision}${run.reason ? `: ${run.reason}` : ""}`, run.degraded ? "warn" : ""],
    ["Tried", run.tried.map((t) => `${t.provider}: ${t.reason}`).join("; ") || "nothing else"],
    ["Pose from", s.poseSource], ["Viewers", `${r.viewers}`],
  ]);
  errors(s.errors);
}

function errors(list) {
  const node = byId("errors"), text = JSON.stringify(list);
  if (node.dataset.text === text) return;
  node.dataset.text = text;
  const kind = { WARNING: "warn", URGENT: "bad", CRITICAL: "bad", FATAL: "bad" };
  const title = (e) => `${e.errorLevel.toLowerCase()}: ${e.errorDescription || e.errorType}`;
  node.replaceChildren(...list.map((e) => el("li", {},
    el("b", { className: kind[e.errorLevel] ?? "" }, title(e)),
    e.errorHint ? el("span", { className: "quiet" }, e.errorHint) : null)));
}

// Things is the table of objects; rows stay where they are so that a focused one keeps the focus.
export class Things {
  constructor(state, show) {
    Object.assign(this, { state, show, rows: new Map() });
  }

  draw() {
    const { scene, highlighted } = this.state;
    if (!scene) return;
    const now = Date.parse(scene.captureTime), body = byId("rows");
    const sorted = scene.objects.map((o) => ({ o, far: nearest(scene.pose, o.box) })).sort((a, b) => a.far - b.far);
    const ids = new Set(sorted.map(({ o }) => o.id));
    for (const [id, row] of this.rows) if (!ids.has(id)) { row.remove(); this.rows.delete(id); }
    sorted.forEach(({ o, far }, i) => {
      const row = this.rows.get(o.id) ?? this.row(o.id);
      const turn = (bearing(scene.pose, o.box.center) * 180) / Math.PI, s = o.box.size;
      const cells = [`${o.color ?? ""} ${o.label} ${o.id}`.trim(), fixed(far, 2),
        `${Math.abs(turn).toFixed(0)}° ${turn < 0 ? "R" : "L"}`,
        fixed(1.96 * Math.sqrt(Math.max(o.cov[0], o.cov[2], 0)), 2), `${fixed(s.x)}×${fixed(s.y)}×${fixed(s.z)}`,
        `${fixed(100 * o.existence, 0)} %`, fixed((now - Date.parse(o.lastSeen)) / 1000, 0)];
      setText(row.firstElementChild.firstElementChild, cells[0]);
      for (let k = 1; k < cells.length; k++) setText(row.children[k], cells[k]);
      row.className = highlighted.has(o.id) ? "marked" : "";
      row.querySelector("button").setAttribute("aria-pressed", highlighted.has(o.id));
      const place = body.children[i] ?? null;
      if (place !== row && !row.contains(document.activeElement)) body.insertBefore(row, place);
    });
    setText(byId("things-count"), `${scene.objects.length} remembered, ${scene.now.length} in view`);
  }

  row(id) {
    const cell = (kind) => el("td", { className: kind });
    const toggle = () => this.show(this.state.highlighted.has(id) ? [] : [id], []);
    const button = el("button", { type: "button", onclick: toggle });
    const row = el("tr", {}, el("td", {}, button), cell("n"), cell("n"), cell("n"), cell(""), cell("n"), cell("n"));
    this.rows.set(id, row);
    byId("rows").append(row);
    return row;
  }
}

// log appends lines; fresh ones replace what stands there.
export function log(lines, fresh) {
  const node = byId("lines"), kind = { WARN: "warn", ERROR: "bad", DEBUG: "quiet" };
  if (fresh) node.replaceChildren();
  node.append(...lines.map((l) => el("div", { className: kind[l.level] ?? "" },
    `${new Date(l.time).toLocaleTimeString([], { hour12: false })} ${l.level.padEnd(5)} ${l.text}`)));
  while (node.childElementCount > linesKept) node.firstElementChild.remove();
  if (byId("log-follow").checked) node.scrollTop = node.scrollHeight;
}
