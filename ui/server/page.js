// A card publishes its picture, and its mirrors in other places show the same one. Clicks and keys on pictures become
// requests to the server: `send(request, fields)` goes through one hidden component, the bus, which triggers the Gradio
// event of the request's name. `MESSAGES` in `ui/events/wiring.py` lists the requests and their fields.
window.cuts3d = (() => {
  const pictures = {};
  const mirrors = {};

  function publish(name, html) {
    pictures[name] = html || "";
    mirrors[name] = (mirrors[name] || []).filter((frame) => frame.isConnected);
    for (const frame of mirrors[name]) frame.innerHTML = pictures[name];
  }

  function adopt(name, frame) {
    (mirrors[name] ||= []).push(frame);
    frame.innerHTML = pictures[name] || "";
  }

  const api = { publish, adopt, send: () => {} };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) return api.send("open_tab", { tab: opener.dataset.open });
    const depth = event.target.closest("[data-depth]");
    if (depth) return api.send("use_depth", { depth: depth.dataset.depth });
    const picture = event.target.closest("[data-pick] .picture");
    if (!picture) return;
    const box = picture.getBoundingClientRect();
    api.send("pick_patch", { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height });
  });

  const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  document.addEventListener("keydown", (event) => {
    if (!STEPS[event.key] || !event.target.matches?.("[data-pick]")) return;
    event.preventDefault();
    const [rows, columns] = STEPS[event.key];
    api.send("move_patch", { rows, columns });
  });

  return api;
})();
