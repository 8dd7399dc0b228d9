// The page: state in one place, and who is told what.

import { Questions } from "./ask.js";
import { Camera } from "./camera.js";
import { Charts } from "./charts.js";
import { byId, setText } from "./dom.js";
import { Live } from "./live.js";
import { Plan } from "./map.js";
import * as panels from "./panels.js";
import { Recording } from "./record.js";
import { Theme } from "./theme.js";

const state = { scene: null, view: null, highlighted: new Set(), steps: [] };

// show highlights objects in picture, map and table, and a route in the map.
function show(ids, steps) {
  state.highlighted = new Set(ids);
  state.steps = steps;
  document.body.dataset.highlighted = ids.join(" ");
  drawScene();
}

function drawScene() {
  camera.draw();
  plan.draw();
  things.draw();
}

const live = new Live({
  connected: panels.connected,
  hello(h) {
    setText(byId("robot"), `${h.manufacturer} ${h.serialNumber} · ${h.bundle} · ${h.version}`);
    camera.eyes(h.cameras);
    document.title = `${h.serialNumber} · vegad`;
    questions.examples(h.labels);
    questions.begin(h.answers);
    panels.log(h.log, true);
  },
  scene(s) {
    state.scene = s;
    plan.scene(s);
    things.draw();
    document.body.dataset.seq = s.seq;
  },
  report(r) {
    panels.report(r);
    charts.report(r);
    questions.standing(r.standing);
    recording.show(r.recording);
  },
  answer: (entry) => questions.add(entry),
  log: (m) => panels.log(m.lines, false),
  picture: (head, data) => camera.picture(head, data),
  overlay: (head, data) => camera.tokenMap(head, data),
});
const camera = new Camera(state, live, drawScene);
const plan = new Plan(state);
const things = new panels.Things(state, show);
const charts = new Charts(state);
const questions = new Questions(state, show);
const recording = new Recording();
new Theme(() => { drawScene(); charts.draw(); });
questions.standing([]);

// "/" goes to the question and Escape lets go of what is highlighted, as in other tools.
document.addEventListener("keydown", (e) => {
  const typing = e.target.matches("input[type=text], select, textarea");
  if (e.key === "/" && !typing) {
    e.preventDefault();
    byId("question").focus();
  } else if (e.key === "Escape") {
    show([], []);
  }
});
