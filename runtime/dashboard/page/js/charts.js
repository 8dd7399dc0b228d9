// Values over the last minutes.

import { byId, colors, el, fit, setLabel, setText } from "./dom.js";

const seconds = 300;

// Chart draws one or a few series that share a scale from zero up.
class Chart {
  // least is the smallest value that fills the height; with share, it is also the largest there can be.
  constructor(title, unit, digits, { least = 0, share = false }) {
    Object.assign(this, { title, unit, digits, least, share, samples: [], names: [] });
    this.canvas = el("canvas", { role: "img", "aria-label": `${title}: no value yet` });
    this.value = el("b", {}, "–");
    this.parts = el("div", { className: "parts" });
    this.figure = el("figure", {}, el("figcaption", {}, title, this.value), this.canvas, this.parts);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  // add takes one value a series, or none where nothing measures them.
  add(now, readings, note = "not measured") {
    this.samples.push({ now, values: new Map(readings.map((r) => [r.name, r.value])) });
    while (this.samples[0].now < now - 1000 * seconds) this.samples.shift();
    this.names = [...new Set(this.samples.flatMap((s) => [...s.values.keys()]))].slice(0, 5);
    const sum = readings.map((r) => `${r.value.toFixed(this.digits)}`);
    const text = readings.length === 0 ? note : readings.length === 1 ? `${sum[0]} ${this.unit}`.trim() : this.unit;
    setText(this.value, text);
    this.value.className = readings.length ? "" : "quiet";
    const spoken = readings.map((r) => `${r.name} ${r.value.toFixed(this.digits)} ${this.unit}`.trim()).join(", ");
    setLabel(this.canvas, `${this.title}: ${spoken || note}`);
    this.explain(readings);
    this.draw();
  }

  explain(readings) {
    const wanted = readings.length > 1 ? readings.map((r) => `${r.name} ${r.value.toFixed(this.digits)}`) : [];
    if (this.parts.dataset.text === wanted.join()) return;
    this.parts.dataset.text = wanted.join();
    this.parts.replaceChildren(...readings.slice(0, wanted.length).map((r, i) =>
      el("span", {}, el("i", { className: `s${this.names.indexOf(r.name) + 1}` }), wanted[i])));
  }

  draw() {
    const { context: c, width, height } = fit(this.canvas);
    const theme = colors("line", "quiet", "series-1", "series-2", "series-3", "series-4", "series-5");
    c.clearRect(0, 0, width, height);
    c.strokeStyle = theme.line;
    c.lineWidth = 1;
    c.strokeRect(0.5, 0.5, width - 1, height - 1);
    if (!this.names.length) return;
    const all = this.samples.flatMap((s) => [...s.values.values()]);
    const top = this.share ? 1 : Math.max(this.least, ...all) * 1.1, end = this.samples.at(-1).now;
    const x = (now) => width - 2 - ((end - now) / 1000 / seconds) * (width - 4);
    const y = (v) => height - 2 - (Math.max(0, v) / top) * (height - 4);
    this.names.forEach((name, i) => {
      c.strokeStyle = theme[`series-${i + 1}`];
      c.lineWidth = 1.5;
      c.beginPath();
      let pen = false;
      for (const s of this.samples) {
        const v = s.values.get(name);
        if (v !== undefined && !pen) c.moveTo(x(s.now) - 1, y(v));
        if (v !== undefined) c.lineTo(x(s.now), y(v));
        pen = v !== undefined;
      }
      c.stroke();
    });
    c.fillStyle = theme.quiet;
    c.font = "10px system-ui, sans-serif";
    c.fillText(top >= 10 ? top.toFixed(0) : top.toFixed(1), 4, 11);
  }
}

export class Charts {
  constructor(state) {
    this.state = state;
    this.all = {
      frames: new Chart("Frames", "/s", 1, { least: 5 }),
      observations: new Chart("Observations", "/s", 1, { least: 2 }),
      gate: new Chart("Gate, 1 is meaning", "", 2, { share: true }),
      stages: new Chart("Stages", "ms", 1, { least: 5 }),
      consistency: new Chart("Consistency", "", 2, { share: true }),
      outbox: new Chart("Outbox", "waiting", 0, { least: 5 }),
      temperature: new Chart("Temperature", "°C", 1, { least: 40 }), power: new Chart("Power", "W", 1, { least: 5 }),
    };
    this.all.stages.figure.className = "wide";
    byId("charts").append(...Object.values(this.all).map((chart) => chart.figure));
  }

  report(r) {
    const now = Date.parse(r.time), { scene } = this.state;
    const one = (name, value) => [{ name, value }];
    this.all.frames.add(now, one("frames", r.frameHz));
    this.all.observations.add(now, one("observations", r.observationHz));
    this.all.stages.add(now, r.stages);
    this.all.consistency.add(now, scene?.seq ? one("consistency", scene.consistency) : []);
    this.all.gate.add(now, scene?.seq ? one("gate", scene.gate.mean) : []);
    this.all.outbox.add(now, one("waiting", r.state.outbox.depth));
    this.all.temperature.add(now, r.temperatures);
    this.all.power.add(now, r.powers);
  }

  draw() {
    for (const chart of Object.values(this.all)) chart.draw();
  }
}
