// Light, dark, or what the system says.

import { byId, setText } from "./dom.js";

const order = ["auto", "light", "dark"];

export class Theme {
  constructor(changed) {
    this.changed = changed;
    this.set(localStorage.getItem("vegad.theme") ?? "auto");
    byId("theme").addEventListener("click", () => this.set(order[(order.indexOf(this.name) + 1) % order.length]));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.changed());
  }

  set(name) {
    this.name = order.includes(name) ? name : "auto";
    if (this.name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.name;
    localStorage.setItem("vegad.theme", this.name);
    setText(byId("theme"), `Theme: ${this.name}`);
    this.changed();
  }
}
