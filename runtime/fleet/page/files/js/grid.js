// The table: only the lines that can be seen are in the document, however many robots there are.

import { byId, el, fixed, setText } from "./dom.js";

const height = 24; // px of a line, as in fleet.css
const spare = 6; // lines above and below what is seen

const titles = [
  ["id", "Robot"], ["trouble", "Trouble"], ["health", "Health"], ["step", "Work"], ["runs", "Runs on"],
  ["celsius", "°C", "n"], ["age", "Waits s", "n"], ["answers", "Ans./min", "n"], ["abstained", "Abstains", "n"],
  ["heard", "Heard s", "n"],
];

export class Grid {
  constructor(store, choose) {
    this.store = store;
    this.choose = choose;
    this.grid = byId("grid");
    this.space = byId("space");
    this.lines = [];
    this.head();
    this.grid.addEventListener("scroll", () => this.draw());
    this.grid.addEventListener("keydown", (e) => this.key(e));
    this.space.addEventListener("click", (e) => this.click(e));
    this.space.addEventListener("dblclick", () => this.open());
    new ResizeObserver(() => this.draw()).observe(this.grid);
  }

  head() {
    this.titles = titles.map(([order, text, side = ""]) => {
      const button = el("button", { type: "button", tabIndex: -1, textContent: text });
      button.addEventListener("click", () => this.sort(order));
      return el("div", { role: "columnheader", className: side }, button);
    });
    byId("titles").append(...this.titles);
    this.mark();
  }

  sort(order) {
    this.store.order = order;
    this.store.sort();
    this.store.list();
    this.mark();
    this.grid.scrollTop = 0;
    this.draw();
  }

  mark() {
    titles.forEach(([order], i) => {
      if (order === this.store.order) this.titles[i].setAttribute("aria-sort", "descending");
      else this.titles[i].removeAttribute("aria-sort");
    });
  }

  // index is where the chosen robot is listed, or -1. It is looked for only when the list has changed.
  index() {
    const { listed, chosen } = this.store;
    if (listed[this.at]?.id !== chosen) this.at = listed.findIndex((r) => r.id === chosen);
    return this.at;
  }

  key(event) {
    const page = Math.max(1, Math.floor(this.grid.clientHeight / height) - 2), at = this.index();
    const last = this.store.listed.length - 1;
    const to = {
      ArrowDown: at + 1, ArrowUp: Math.max(0, at - 1), PageDown: at + page, PageUp: at - page, Home: 0, End: last,
    }[event.key];
    if (event.key === "Enter") this.open();
    else if (to !== undefined && last >= 0) this.move(Math.min(last, Math.max(0, to)));
    else return;
    event.preventDefault();
  }

  // move chooses a line and brings it into view.
  move(at) {
    this.at = at;
    const top = at * height, seen = this.grid.clientHeight - 2 * height;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (top > this.grid.scrollTop + seen) this.grid.scrollTop = top - seen;
    this.choose(this.store.listed[at].id);
  }

  click(event) {
    const line = event.target.closest(".line");
    if (line?.robot) this.choose(line.robot);
  }

  // open follows the link of the chosen robot.
  open() {
    byId("link").hidden || byId("link").click();
  }

  // draw fills the lines that can be seen.
  draw() {
    const { listed } = this.store;
    const first = Math.max(0, Math.floor(this.grid.scrollTop / height) - spare);
    const count = Math.min(listed.length - first, Math.ceil(this.grid.clientHeight / height) + 2 * spare);
    this.space.style.height = `${listed.length * height}px`;
    this.grid.setAttribute("aria-rowcount", listed.length + 1);
    while (this.lines.length < count) this.add();
    this.lines.forEach((line, i) => {
      line.hidden = i >= count;
      line.style.display = i >= count ? "none" : "";
      if (i < count) this.fill(line, listed[first + i], first + i);
    });
    const chosen = this.index() - first;
    if (this.lines[chosen] && chosen < count) this.grid.setAttribute("aria-activedescendant", this.lines[chosen].id);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  add() {
    const cells = titles.map(([, , side = ""]) => el("div", { role: "gridcell", className: side }));
    const line = el("div", { className: "line", role: "row", id: `line-${this.lines.length}` }, ...cells);
    this.lines.push(line);
    this.space.append(line);
  }

  fill(line, robot, at) {
    const { store } = this, { worst } = robot, c = line.children;
    line.robot = robot.id;
    line.style.transform = `translateY(${at * height}px)`;
    line.setAttribute("aria-rowindex", at + 2);
    line.setAttribute("aria-selected", robot.id === store.chosen);
    const why = worst === "silent" ? "" : robot.why;
    const texts = [
      robot.id, why ? `${worst}: ${why}` : worst, robot.health || "–", robot.step || "–", robot.runs || "–",
      fixed(robot.celsius, 0), robot.age ? fixed(robot.age, 0) : "–", fixed(robot.answers),
      robot.abstained === null ? "–" : `${fixed(100 * robot.abstained, 0)} %`, fixed(store.silence(robot), 0),
    ];
    texts.forEach((text, i) => setText(c[i], text));
    if (c[1].className !== robot.kind) c[1].className = robot.kind;
  }
}
