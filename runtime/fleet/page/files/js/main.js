// The page of a fleet: state in one place, and who is told what.

import { byId } from "./dom.js";
import { Feed } from "./feed.js";
import { Grid } from "./grid.js";
import * as panels from "./panels.js";
import { Places } from "./places.js";
import { Store } from "./store.js";
import { Theme } from "./theme.js";

const store = new Store();
const grid = new Grid(store, choose);
const places = new Places(store, choose);

// choose shows one robot everywhere.
function choose(id) {
  store.chosen = id;
  grid.draw();
  panels.robot(store);
  places.later();
}

// show draws what is listed after the list has changed.
function show() {
  store.list();
  grid.draw();
  places.later();
  panels.filters(store, show);
  panels.counts(store);
}

new Theme(() => places.draw());
new Feed({
  reply(reply) {
    const changed = store.take(reply);
    panels.line(reply);
    if (changed) show();
    else grid.draw(); // ages go on
    panels.robot(store);
    document.body.dataset.version = reply.version;
  },
  lost: panels.lost,
});

byId("find").addEventListener("input", (e) => {
  store.words = e.target.value.toLowerCase().split(/\s+/).filter(Boolean);
  show();
});

// "/" goes to the search and Escape empties it, as in other tools.
document.addEventListener("keydown", (e) => {
  const find = byId("find");
  if (e.key === "/" && e.target !== find) {
    e.preventDefault();
    find.focus();
  } else if (e.key === "Escape" && find.value) {
    find.value = "";
    find.dispatchEvent(new Event("input"));
  }
});
