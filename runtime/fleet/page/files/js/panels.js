// What is said in words and numbers: header, filters, the chosen robot.

import { byId, duration, el, fixed, pairs, setText } from "./dom.js";
import { kind } from "./store.js";

function pill(id, text, kind) {
  const node = byId(id);
  setText(node, text);
  node.className = `pill ${kind}`;
}

// line says how the program and its broker do.
export function line(reply) {
  pill("pill-page", "page live", "good");
  pill("pill-broker", reply.connected ? "broker connected" : "broker away", reply.connected ? "good" : "bad");
  pairs(byId("facts"), [
    ["broker", reply.connected ? reply.broker : `${reply.broker}: ${reply.lineError}`, reply.connected ? "" : "bad"],
    ...(reply.noRoom ? [["no room for", `${reply.noRoom} messages`, "bad"]] : []),
    ...(reply.refused ? [["refused", `${reply.refused} messages`, "warn"]] : []),
    ["vegad", reply.program],
  ]);
}

export function lost(reason) {
  pill("pill-page", `page cut off: ${reason}`, "bad");
}

// counts says how many robots there are and how many are listed.
export function counts(store) {
  const all = store.robots.size;
  pill("pill-count", `${all} robot${all === 1 ? "" : "s"}`, "");
  setText(byId("shown"), store.listed.length === all ? "" : `${store.listed.length} of ${all}`);
}

// filters makes one button a trouble, with the number of robots that are in it.
export function filters(store, changed) {
  const box = byId("troubles");
  const numbers = store.troubles.map(() => 0);
  for (const { trouble } of store.robots.values()) {
    for (let rest = trouble; rest; rest &= rest - 1) numbers[31 - Math.clz32(rest & -rest)]++;
  }
  if (box.childElementCount !== store.troubles.length) {
    box.replaceChildren(...store.troubles.map((_, i) => {
      const button = el("button", { type: "button" });
      button.addEventListener("click", () => {
        store.only ^= 1 << i;
        changed();
      });
      return button;
    }).reverse());
  }
  store.troubles.forEach((name, i) => {
    const button = box.children[store.troubles.length - 1 - i];
    setText(button, `${name} ${numbers[i]}`);
    button.className = numbers[i] ? kind(name) : "quiet";
    button.setAttribute("aria-pressed", Boolean(store.only & (1 << i)));
  });
}

// web says whether an address may be followed: the operator's word, but never a script.
const web = (url) => /^https?:\/\//.test(url);

// robot tells everything of the chosen one.
export function robot(store) {
  const r = store.robots.get(store.chosen), link = byId("link");
  setText(byId("robot-title"), r ? r.id : "No robot chosen");
  link.hidden = !r || !web(r.page);
  if (!r) {
    link.removeAttribute("href");
    pairs(byId("details"), []);
    return;
  }
  if (!link.hidden && link.getAttribute("href") !== r.page) link.href = r.page;
  const number = (x, unit, digits = 1) => (x === null ? "not told" : `${fixed(x, digits)} ${unit}`);
  pairs(byId("details"), [
    ["Troubles", store.names(r), r.kind],
    ["Why", r.why || "–"], ["Error", r.error || "none"],
    ["Connection", r.connection || "not told"], ["Heard", `${duration(store.silence(r))} ago`],
    ["Health, work", `${r.health || "not told"}, ${r.step || "not told"}`],
    ["Cameras", `${r.running} of ${r.cameras} deliver pictures`],
    ["Runs", `${r.bundle || "not told"} on ${r.runs || "not told"}`], ["vegad", r.version || "not told"],
    ["Up", duration(r.uptime)],
    ["Temperature", `${number(r.celsius, "°C")}, ${number(r.headroom, "K")} below throttling`],
    ["Power", number(r.power, "W")],
    ["Outbox", `${r.depth} waiting, the oldest ${duration(r.age)}; ${r.dropped} given up`],
    ["Answers", `${number(r.answers, "a minute")}, abstains from ${r.abstained === null ? "none asked"
      : `${fixed(100 * r.abstained, 0)} %`}`],
    ["Observations", number(r.rate, "a second")], ["95 % answered within", number(r.latency, "ms", 0)],
    ["Position", r.frame === null ? "not told"
      : `${fixed(r.x, 2)}, ${fixed(r.y, 2)} m in ${r.frame}, epoch ${r.epoch}`],
  ]);
}
