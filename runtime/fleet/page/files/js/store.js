// What is known of the robots, and which of them are listed in which order.

// The columns of a row, in the order of encode in table.go.
const columns = [
  "id", "trouble", "why", "connection", "health", "step", "runs", "bundle", "version", "celsius", "headroom", "power",
  "depth", "age", "dropped", "answers", "abstained", "rate", "latency", "heard", "frame", "epoch", "x", "y", "yaw",
  "page", "error", "running", "cameras", "uptime",
];

const byName = (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const known = (x) => x ?? -1e9; // what is not known comes last

// The orders: each puts first what a person would look at first.
const orders = {
  id: byName,
  trouble: (a, b) => b.trouble - a.trouble || byName(a, b),
  health: (a, b) => byText(a.health, b.health) || byName(a, b),
  step: (a, b) => byText(a.step, b.step) || byName(a, b),
  runs: (a, b) => byText(a.runs, b.runs) || byName(a, b),
  celsius: (a, b) => known(b.celsius) - known(a.celsius) || byName(a, b),
  age: (a, b) => b.age - a.age || byName(a, b),
  answers: (a, b) => known(b.answers) - known(a.answers) || byName(a, b),
  abstained: (a, b) => known(b.abstained) - known(a.abstained) || byName(a, b),
  heard: (a, b) => a.heard - b.heard || byName(a, b),
};

export class Store {
  constructor() {
    this.robots = new Map();
    this.sorted = []; // all
    this.listed = []; // those that are wanted, in the same order
    this.order = "trouble";
    this.words = []; // of the search, all of which must be there
    this.only = 0; // troubles of which one must be there; 0 shows all
    this.chosen = "";
    this.troubles = []; // names, from the lowest bit on
    this.skew = 0; // ms from this clock to that of the program
  }

  // take enters a reply and says whether a robot has changed.
  take(reply) {
    this.troubles = reply.troubles;
    this.skew = reply.nowMs - Date.now();
    if (reply.full) {
      this.robots.clear();
      this.sorted = [];
    }
    for (const row of reply.robots) if (row) this.enter(row);
    if (reply.robots.length) this.sort();
    return reply.full || reply.robots.length > 0;
  }

  // enter takes a row. A robot stays the same object, so that the sorted list is nearly sorted the next time.
  enter(row) {
    let robot = this.robots.get(row[0]);
    if (!robot) {
      robot = {};
      this.robots.set(row[0], robot);
      this.sorted.push(robot);
    }
    columns.forEach((name, i) => (robot[name] = row[i]));
    robot.worst = robot.trouble ? this.troubles[31 - Math.clz32(robot.trouble)] ?? "?" : "ok";
    robot.kind = kind(robot.worst);
    robot.text = [robot.id, robot.why, robot.health, robot.step, robot.runs, robot.bundle, robot.version]
      .join(" ").toLowerCase();
  }

  // sort puts all robots in order; list leaves out those that are not wanted.
  sort() {
    this.sorted.sort(orders[this.order]);
  }

  list() {
    const wanted = (r) => (!this.only || r.trouble & this.only) && this.words.every((w) => r.text.includes(w));
    this.listed = this.sorted.filter(wanted);
  }

  // names are those of all a robot's troubles, the worst first.
  names(robot) {
    return this.troubles.filter((_, i) => robot.trouble & (1 << i)).reverse().join(", ") || "ok";
  }

  // silence is how long a robot was not heard, in seconds.
  silence(robot) {
    return Math.max(0, (Date.now() + this.skew - robot.heard) / 1000);
  }
}

// kind is the colour of a trouble: with some a robot still does its work.
export const kind = (name) => {
  if (name === "ok") return "good";
  return ["starting", "stopped", "uneasy", "degraded", "guessing", "late", "hot"].includes(name) ? "warn" : "bad";
};
