// What is known of the robots, and which of them are listed in which order.

// The columns of a row, in the order of encode in table.go.
const columns = [
  "id", "trouble", "why", "connection", "health", "step", "runs", "bundle", "version", "celsius", "headroom", "power",
  "depth", "age", "dropped", "answers", "abstained", "rate", "latency", "heard", "frame", "epoch", "x", "y", "yaw",
  "page", "error", "running", "cameras", "uptime",
];

const byName = (a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
const unknownLast = (x) => (x === null || x === undefined ? -Infinity : x);

// The orders: each puts first what a person would look at first.
const orders = {
  id: byName,
  trouble: (a, b) => b.trouble - a.trouble || byName(a, b),
  health: (a, b) => a.health.localeCompare(b.health) || byName(a, b),
  step: (a, b) => a.step.localeCompare(b.step) || byName(a, b),
  runs: (a, b) => a.runs.localeCompare(b.runs) || byName(a, b),
  celsius: (a, b) => unknownLast(b.celsius) - unknownLast(a.celsius) || byName(a, b),
  age: (a, b) => b.age - a.age || byName(a, b),
  answers: (a, b) => unknownLast(b.answers) - unknownLast(a.answers) || byName(a, b),
  abstained: (a, b) => unknownLast(b.abstained) - unknownLast(a.abstained) || byName(a, b),
  heard: (a, b) => a.heard - b.heard || byName(a, b),
};

export class Store {
  constructor() {
    this.robots = new Map();
    this.listed = [];
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
    if (reply.full) this.robots.clear();
    for (const row of reply.robots) {
      if (!row) continue;
      const robot = Object.fromEntries(columns.map((name, i) => [name, row[i]]));
      robot.text = [robot.id, robot.why, robot.health, robot.step, robot.runs, robot.bundle, robot.version]
        .join(" ").toLowerCase();
      this.robots.set(robot.id, robot);
    }
    return reply.full || reply.robots.length > 0;
  }

  // list filters and sorts anew.
  list() {
    const wanted = (r) => (!this.only || r.trouble & this.only) && this.words.every((w) => r.text.includes(w));
    this.listed = [...this.robots.values()].filter(wanted).sort(orders[this.order]);
  }

  // worst is the bit of a robot's worst trouble, or 0.
  worst(robot) {
    return robot.trouble ? 2 ** (31 - Math.clz32(robot.trouble)) : 0;
  }

  // name is that of one trouble.
  name(bit) {
    return bit ? this.troubles[31 - Math.clz32(bit)] ?? "?" : "ok";
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
