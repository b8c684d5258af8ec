// Pointer, wheel and keyboard on the canvas. Calls the actions in `act`; does not use the camera directly.

const ROTATION = 2.6; // radians for a drag over one canvas height
const CLICK_SLACK = 4; // pixels that a pointer may move during a click

function listenToPointers(canvas, act) {
  const down = new Map();
  let strayed = 0;
  let several = false;

  const spanOf = () => {
    const [a, b] = [...down.values()];
    return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.hypot(a.x - b.x, a.y - b.y) };
  };

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (!down.size) [strayed, several] = [0, false];
    down.set(event.pointerId, { x: event.clientX, y: event.clientY });
    several ||= down.size > 1;
    canvas.classList.add("c3v-dragging");
  });

  canvas.addEventListener("pointermove", (event) => {
    const from = down.get(event.pointerId);
    if (!from) return;
    const height = canvas.clientHeight;
    const before = down.size === 2 ? spanOf() : null;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    strayed += Math.abs(dx) + Math.abs(dy);
    [from.x, from.y] = [event.clientX, event.clientY];
    if (before) {
      const after = spanOf();
      act.pan((after.x - before.x) / height, (after.y - before.y) / height);
      if (before.length > 0 && after.length > 0) act.zoom(before.length / after.length);
    } else if (down.size === 1 && strayed > CLICK_SLACK) {
      const moves = event.shiftKey || (event.buttons & 6) !== 0; // right or middle button
      if (moves) act.pan(dx / height, dy / height);
      else act.orbit((dx / height) * ROTATION, (dy / height) * ROTATION);
    }
  });

  const lift = (event) => {
    const clicked = event.type === "pointerup" && event.button === 0 && !several && strayed <= CLICK_SLACK;
    if (down.delete(event.pointerId) && clicked) act.pick(event.clientX, event.clientY);
    if (!down.size) canvas.classList.remove("c3v-dragging");
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
}

function listenToWheel(canvas, act) {
  const onWheel = (event) => {
    event.preventDefault(); // the page does not scroll while the pointer is over the cloud
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? canvas.clientHeight : 1);
    act.zoom(Math.exp(Math.max(-240, Math.min(240, pixels)) * (event.ctrlKey ? 0.008 : 0.0014)));
  };
  canvas.addEventListener("wheel", onWheel, { passive: false });
}

function listenToKeys(canvas, act) {
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const others = {
    "+": () => act.zoom(1 / 1.15),
    "=": () => act.zoom(1 / 1.15),
    "-": () => act.zoom(1.15),
    0: () => act.reset(),
    Home: () => act.reset(),
    p: () => act.togglePerspective(),
    P: () => act.togglePerspective(),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) act.pan(arrow[0] * 0.05, arrow[1] * 0.05);
    else if (arrow) act.orbit(arrow[0] * 0.1, arrow[1] * 0.1);
    else if (others[event.key]) others[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

function listen(canvas, act) {
  listenToPointers(canvas, act);
  listenToWheel(canvas, act);
  listenToKeys(canvas, act);
}
