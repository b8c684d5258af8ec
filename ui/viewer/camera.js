// A camera that orbits the cloud's centre. Distances are relative to the one at which the whole cloud fits, so that
// a new photo, another depth stretch or another canvas size leaves the view as the visitor chose it.

const HOME = { yaw: -0.42, pitch: 0.2, zoom: 1, target: [0, 0, 0], perspective: true };
const HALF_VIEW = Math.tan((36 / 2) * (Math.PI / 180));
const MAX_PITCH = 1.55;

function makeCamera() {
  return { ...HOME, target: [...HOME.target] };
}

function axesOf({ yaw, pitch }) {
  const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
  return { right: [cy, 0, -sy], up: [-sp * sy, cp, -sp * cy], back: [sy * cp, sp, cy * cp] };
}

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

// Target and distance at which these points fill the canvas from the home direction: { anchor, distance }.
function fitPoints(points, aspect) {
  const { right, up, back } = axesOf(HOME);
  const anchor = [0, 0, 0];
  const seen = () =>
    points.map((p) => p.map((v, i) => v - anchor[i])).map((p) => [dot(right, p), dot(up, p), dot(back, p)]);
  const neededBy = ([x, y, b]) => b + Math.max(Math.abs(x) / aspect, Math.abs(y)) / HALF_VIEW;
  const needed = () => seen().reduce((most, point) => Math.max(most, neededBy(point)), 0.1);
  const middle = (values) => (values.reduce((a, b) => Math.min(a, b)) + values.reduce((a, b) => Math.max(a, b))) / 2;
  let distance = needed();
  for (let round = 0; round < 6; round++) {
    const shown = seen();
    const [x, y] = [0, 1].map((axis) => distance * middle(shown.map((p) => p[axis] / (distance - p[2]))));
    for (let i = 0; i < 3; i++) anchor[i] += x * right[i] + y * up[i];
    distance = needed();
  }
  return { anchor, distance: distance * 1.06 };
}

// A sample of the cloud's points at the positions that the shader computes. With the background moved away, all of it
// counts, and the middle of the photo, so that the view does not depend on what is background.
function samplePoints({ width, height, extent, depth, focal }, stretch, background, side = 25) {
  const points = [];
  for (let i = 0; i < side; i++) {
    for (let j = 0; j < side; j++) {
      const [v, u] = [i / (side - 1), j / (side - 1)];
      const z = (depth[Math.round(v * (height - 1)) * width + Math.round(u * (width - 1))] / 65535) * stretch;
      const spread = focal > 0 ? 1 + z / focal : 1;
      const [x, y] = [(u - 0.5) * extent[1] * spread, (0.5 - v) * extent[0] * spread];
      if (background < 0 || Math.max(Math.abs(u - 0.5), Math.abs(v - 0.5)) < 0.35) points.push([x, y, stretch / 2 - z]);
      if (background >= 0) points.push([x, y, stretch / 2 - background]);
    }
  }
  return points;
}

// Column-major clip matrix, its rotation, and a length of 1 in halves of the canvas height: at distance 1 with
// perspective, at any distance without.
function viewOf(camera, { anchor, distance: fit }, reach, aspect) {
  const { right, up, back } = axesOf(camera);
  const distance = camera.zoom * fit;
  const move = [right, up, back].map((axis) => -dot(axis, camera.target) - dot(axis, anchor));
  move[2] -= distance;
  const scale = 1 / HALF_VIEW;
  const near = Math.max(distance * 0.02, distance - reach);
  const far = distance + reach;
  const rows = camera.perspective
    ? [
        ...[right, up].map((axis, i) => row(axis, move[i], i ? scale : scale / aspect)),
        row(back, move[2], (far + near) / (near - far), (2 * far * near) / (near - far)),
        row(back, move[2], -1),
      ]
    : [
        ...[right, up].map((axis, i) => row(axis, move[i], (i ? scale : scale / aspect) / distance)),
        row(back, move[2], -1 / reach, -distance / reach),
        [0, 0, 0, 1],
      ];
  const matrix = new Float32Array(16);
  for (let r = 0; r < 4; r++) for (let c = 0; c < 4; c++) matrix[4 * c + r] = rows[r][c];
  const turn = new Float32Array(16);
  [right, up, back].forEach((axis, r) => axis.forEach((value, c) => (turn[4 * c + r] = value)));
  return { matrix, turn, magnification: camera.perspective ? scale : scale / distance, distance };
}

function row(axis, offset, factor, add = 0) {
  return [axis[0] * factor, axis[1] * factor, axis[2] * factor, offset * factor + add];
}

function orbit(camera, dx, dy) {
  camera.yaw = (camera.yaw - dx) % (2 * Math.PI);
  camera.pitch = Math.min(MAX_PITCH, Math.max(-MAX_PITCH, camera.pitch + dy));
}

// dx, dy in canvas heights, right and down positive.
function pan(camera, fit, dx, dy) {
  const { right, up } = axesOf(camera);
  const height = 2 * HALF_VIEW * camera.zoom * fit;
  for (let i = 0; i < 3; i++) camera.target[i] += height * (dy * up[i] - dx * right[i]);
}

function zoomBy(camera, factor) {
  camera.zoom = Math.min(8, Math.max(0.03, camera.zoom * factor));
}

function resetCamera(camera) {
  Object.assign(camera, makeCamera());
}
