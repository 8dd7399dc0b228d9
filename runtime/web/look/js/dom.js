// Small helpers for the document. Text goes in as text, never as markup: names come from networks and clients.

export const byId = (id) => document.getElementById(id);

// el makes an element with properties, listeners (onclick) and children.
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined));
  return node;
}

// setText touches the document only when something has changed.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setLabel(node, text) {
  if (node.getAttribute("aria-label") !== text) node.setAttribute("aria-label", text);
}

// pairs fills a description list, in place.
export function pairs(list, entries) {
  while (list.childElementCount > entries.length) list.lastElementChild.remove();
  entries.forEach(([name, value, kind = ""], i) => {
    let row = list.children[i];
    if (!row) {
      row = el("div", {}, el("dt"), el("dd"));
      list.append(row);
    }
    setText(row.firstElementChild, name);
    setText(row.lastElementChild, value);
    row.lastElementChild.className = kind;
  });
}

export const fixed = (x, digits = 1) => (Number.isFinite(x) ? x.toFixed(digits) : "–");

export function bytes(n) {
  if (n < 1024) return `${n} B`;
  if (n < 1048576) return `${(n / 1024).toFixed(1)} KiB`;
  return `${(n / 1048576).toFixed(1)} MiB`;
}

// duration writes seconds for people.
export function duration(s) {
  if (s < 60) return `${s.toFixed(0)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

// fit gives a canvas the pixels that its size on the screen has, and returns its context in CSS pixels.
export function fit(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const w = Math.max(1, Math.round(width * ratio)), h = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

// colors reads the theme once for each redraw.
export function colors(...names) {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}
