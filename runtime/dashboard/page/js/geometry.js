// Frames as in the rest of vegad: map and base_link with x forward, y left, z up; metres and radians.

// toBase turns a point of map into base_link.
export function toBase(pose, p) {
  const s = Math.sin(pose.yaw), c = Math.cos(pose.yaw), x = p.x - pose.x, y = p.y - pose.y;
  return { x: c * x + s * y, y: -s * x + c * y, z: p.z };
}

// corners are the eight of a box: bit 0 front, bit 1 left, bit 2 top.
export function corners(box) {
  const s = Math.sin(box.yaw), c = Math.cos(box.yaw), out = [];
  for (let i = 0; i < 8; i++) {
    const x = (i & 1 ? 0.5 : -0.5) * box.size.x, y = (i & 2 ? 0.5 : -0.5) * box.size.y;
    const z = (i & 4 ? 0.5 : -0.5) * box.size.z;
    out.push({ x: box.center.x + c * x - s * y, y: box.center.y + s * x + c * y, z: box.center.z + z });
  }
  return out;
}

// edges join corners that differ in one bit.
export const edges = [0, 1, 2, 3, 4, 5, 6, 7].flatMap((i) => [1, 2, 4].filter((b) => !(i & b)).map((b) => [i, i | b]));

const near = 0.1; // m, in front of the camera

// toOptical turns a point of base_link into the camera: depth ahead, right, down.
export function toOptical(view, p) {
  const s = Math.sin(view.yaw), c = Math.cos(view.yaw), x = p.x - view.x, y = p.y - view.y;
  const ahead = c * x + s * y, left = -s * x + c * y, up = p.z - view.height;
  const sp = Math.sin(view.pitch), cp = Math.cos(view.pitch);
  return { depth: cp * ahead - sp * up, right: -left, down: -(sp * ahead + cp * up) };
}

// project places a point of the camera on a picture of the given width, 0..1 of its width and height.
export function project(view, o) {
  const f = 0.5 / Math.tan(view.hfovRad / 2);
  return { x: 0.5 + (f * o.right) / o.depth, y: 0.5 + (f * view.aspect * o.down) / o.depth };
}

// segment projects a line, cut where it passes behind the camera; null when all of it is behind.
export function segment(view, a, b) {
  if (a.depth < near && b.depth < near) return null;
  const cut = (from, to) => {
    if (from.depth >= near) return from;
    const t = (near - from.depth) / (to.depth - from.depth);
    const between = (key) => from[key] + t * (to[key] - from[key]);
    return { depth: near, right: between("right"), down: between("down") };
  };
  return [project(view, cut(a, b)), project(view, cut(b, a))];
}

// ellipse returns the half axes and the angle of the 95 % ellipse of a covariance [xx, xy, yy] on the floor.
export function ellipse([xx, xy, yy]) {
  const middle = (xx + yy) / 2, part = Math.hypot((xx - yy) / 2, xy), k = 2.448;
  return {
    a: k * Math.sqrt(Math.max(0, middle + part)), b: k * Math.sqrt(Math.max(0, middle - part)),
    angle: 0.5 * Math.atan2(2 * xy, xx - yy),
  };
}

// nearest is the horizontal distance from base_link's origin to a box, as answers measure it.
export function nearest(pose, box) {
  const c = toBase(pose, box.center), yaw = box.yaw - pose.yaw, s = Math.sin(yaw), k = Math.cos(yaw);
  const along = Math.abs(-k * c.x - s * c.y), across = Math.abs(s * c.x - k * c.y);
  return Math.hypot(Math.max(0, along - box.size.x / 2), Math.max(0, across - box.size.y / 2));
}

// bearing is the direction of a point from the robot, left positive.
export function bearing(pose, p) {
  const c = toBase(pose, p);
  return Math.atan2(c.y, c.x);
}
