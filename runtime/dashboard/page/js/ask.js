// Questions: the box, what was answered, and the standing ones.

import { byId, el, fixed } from "./dom.js";
import { post } from "./live.js";

const kept = 50;

export class Questions {
  constructor(state, show) {
    this.state = state;
    this.show = show; // highlights what an answer rests on
    this.entries = new Map();
    this.field = byId("question");
    this.past = JSON.parse(localStorage.getItem("vegad.questions") ?? "[]");
    this.place = this.past.length;
    byId("ask-form").addEventListener("submit", (e) => {
      e.preventDefault();
      this.ask(this.field.value);
    });
    byId("keep").addEventListener("click", () => this.keep());
    this.field.addEventListener("keydown", (e) => this.recall(e));
  }

  // examples offers questions about things that are there.
  examples(labels) {
    const some = labels.includes("chair") ? "chair" : labels[0] ?? "box";
    const texts = [
      `how many ${some}s are there?`, `how far is the nearest ${some}?`, "what is nearest to me?",
      "is the way ahead clear for 1 m?", "how large is the room?", `what is left of the ${some}?`,
    ];
    byId("examples").replaceChildren(...texts.map((text) => el("button", {
      type: "button", onclick: () => { this.field.value = text; this.ask(text); },
    }, text)));
  }

  recall(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || !this.past.length) return;
    event.preventDefault();
    this.place = Math.min(this.past.length, Math.max(0, this.place + step));
    this.field.value = this.past[this.place] ?? "";
  }

  note(text) {
    this.past = [...this.past.filter((t) => t !== text), text].slice(-kept);
    this.place = this.past.length;
    localStorage.setItem("vegad.questions", JSON.stringify(this.past));
  }

  async ask(text) {
    const question = text.trim();
    if (!question) return this.field.focus();
    this.note(question);
    try {
      const entry = await post("ask", { question, scope: byId("scope").value });
      this.add(entry);
      this.select(entry.number);
    } catch (error) {
      this.fail(question, error);
    }
  }

  async keep() {
    const question = this.field.value.trim();
    if (!question) return this.field.focus();
    this.note(question);
    try {
      await post("watch", { question, scope: byId("scope").value });
    } catch (error) {
      this.fail(question, error);
    }
  }

  fail(question, error) {
    byId("answer").replaceChildren(el("p", { className: "asked" }, question),
      el("p", { className: "text bad" }, "not answered"), el("p", {}, error.message));
    this.show([], []);
  }

  // add takes an answer into the history, whoever asked.
  add(entry) {
    this.entries.set(entry.number, entry);
    if (this.entries.size > kept) this.entries.delete(this.entries.keys().next().value);
    this.list();
  }

  // begin replaces the history: the robot may have been started again.
  begin(entries) {
    this.entries = new Map(entries.map((e) => [e.number, e]));
    this.list();
  }

  list() {
    const newest = [...this.entries.values()].sort((a, b) => b.number - a.number);
    byId("history").replaceChildren(...newest.map((e) => el("li", {},
      el("button", { type: "button", className: "show", onclick: () => this.select(e.number) },
        e.answer.question || JSON.stringify(e.answer.query ?? "question"),
        el("b", { className: tone(e.answer) }, said(e.answer))),
      el("span", { className: "quiet" }, `${e.client || "MQTT"} ${clock(e.time)}`))));
  }

  // select shows an answer and highlights what it rests on.
  select(number) {
    const entry = this.entries.get(number);
    if (!entry) return;
    const a = entry.answer;
    const chip = (o) => el("button", { type: "button", onclick: () => this.show([o.id], []) }, `${o.label} ${o.id}`);
    byId("answer").replaceChildren(
      el("p", { className: "asked" }, a.question || "structured query"),
      el("p", { className: `text ${tone(a)}` }, said(a)),
      el("p", { className: "small" }, facts(a).join(" · ")),
      el("p", { className: "small" }, costs(a).join(" · ")),
      el("div", { className: "chips", role: "group", "aria-label": "Objects that the answer rests on" },
        ...a.objects.map(chip)));
    byId("answer").dataset.number = number;
    this.show(a.objects.map((o) => o.id), a.answer?.steps ?? []);
  }

  // standing lists the standing questions, in place: a button that has the focus must keep it.
  standing(list) {
    const node = byId("standing");
    const text = JSON.stringify(list);
    if (text === this.stood) return;
    this.stood = text;
    const focused = document.activeElement?.dataset.ends;
    const rows = list.map((s) => el("li", {}, el("span", { className: "what" }, s.question || JSON.stringify(s.query),
      el("b", { className: s.answer ? tone(s.answer) : "quiet" }, s.answer ? said(s.answer) : "no answer yet")),
      s.client === "dashboard" ? this.end(s) : el("span", { className: "quiet" }, s.client || "MQTT")));
    if (!rows.length) rows.push(el("li", { className: "quiet" }, "None. “Keep asking” makes one."));
    node.replaceChildren(...rows);
    if (focused) node.querySelector(`[data-ends="${CSS.escape(focused)}"]`)?.focus();
  }

  end(s) {
    const button = el("button", {
      type: "button", "aria-label": `End: ${s.question}`,
      onclick: () => post("watch", { id: s.id, cancel: true }).catch((error) => this.fail(s.question, error)),
    }, "End");
    button.dataset.ends = s.id;
    return button;
  }
}

// facts is what an answer says beside its text.
function facts(a) {
  const v = a.answer, out = [];
  if (v?.interval95) out.push(`95 %: ${fixed(v.interval95[0], 2)} to ${fixed(v.interval95[1], 2)} ${v.unit ?? ""}`);
  if (v) out.push(`confidence ${fixed(100 * v.confidence, 0)} %`);
  if (v?.knownShare !== undefined) out.push(`${fixed(100 * v.knownShare, 0)} % of the floor was looked at`);
  if (a.gate) out.push(`gate ${fixed(a.gate.mean, 3)}, shifted by ${fixed(a.gate.shift, 3)}`);
  return out;
}

// costs is what it took to answer, and what ran.
function costs(a) {
  const out = [`${fixed(a.latencyMs.total, 0)} ms, networks ${fixed(a.latencyMs.head, 0)} ms`], m = a.model;
  if (a.captureTime) out.push(`picture ${fixed(a.ageMs, 0)} ms old`);
  if (m) out.push(`${m.bundle} ${m.provider} ${m.precision}${m.degraded ? " degraded" : ""}`);
  return out;
}

const tone = (a) => ({ answered: "", abstained: "warn", expired: "warn", refused: "bad" })[a.status] ?? "";
const said = (a) => (a.status === "answered" ? a.answer.text : `${a.status}: ${a.reason ?? ""}`);
const clock = (time) => new Date(time).toLocaleTimeString([], { hour12: false });
