// The viewer connects payload, camera, renderer and panel. `host` is Gradio or the stand-alone page:
// { base(), value(), onChange(callback), select(position) }.

const MAX_PIXEL_RATIO = 2;
const REST = 150; // milliseconds without movement
const MESSAGES = {
  empty: "Open a photo to see its point cloud.",
  lost: "The graphics card lost the picture. It returns by itself in a moment.",
  none: "The 3D view needs WebGL 2, which this browser does not have. Everything else on the page works.",
};

function mountViewer(root, host) {
  const canvas = root.querySelector("canvas");
  const camera = makeCamera();
  const settings = { layer: host.layer || PHOTO, tau: null, size: 1.4, stretch: 1, marks: true, links: false, away: false };
  const data = { base: null, value: emptyValue() };
  let [renderer, error] = openRenderer(canvas);
  let [frames, asked] = [0, false];

  const tauIndex = () => {
    const taus = data.value.partitions.map((layer) => layer.tau);
    const wanted = settings.tau ?? data.value.tauKnn ?? Infinity;
    const away = (tau) => Math.abs(tau - Math.min(wanted, taus.at(-1)));
    return taus.reduce((best, tau, i) => (best < 0 || away(tau) <= away(taus[best]) ? i : best), -1);
  };
  const currentLayer = () =>
    settings.layer === PARTITION
      ? data.value.partitions[tauIndex()]
      : data.value.layers.find((layer) => layer.name === settings.layer);

  let fitted = { key: "" };
  function fitOf(...shape) {
    const key = [data.base.id, ...shape].join();
    const [stretch, background, aspect] = shape;
    if (fitted.key !== key) fitted = { key, ...fitPoints(samplePoints(data.base, stretch, background), aspect) };
    return fitted;
  }

  function shape() {
    const away = settings.away && data.value.region;
    const stretch = away ? data.value.depthScale : settings.stretch;
    const aspect = canvas.width / canvas.height;
    const background = away ? data.value.backgroundDepth * stretch : -1;
    const fit = fitOf(stretch, background, aspect);
    const reach = Math.hypot(...camera.target) + Math.hypot(...fit.anchor) + 2 * Math.max(stretch, background) + 2;
    return { stretch, aspect, background, reach, fit };
  }

  function view(every = 1) {
    const { base, value } = data;
    const { stretch, aspect, background, reach, fit } = shape();
    const { matrix, turn, magnification, distance } = viewOf(camera, fit, reach, aspect);
    const ratio = canvas.width / canvas.clientWidth;
    const unit = magnification * (canvas.height / 2);
    const pixels = (settings.size * unit) / Math.max(base.width, base.height) / (camera.perspective ? distance : 1);
    return {
      uMatrix: matrix,
      uView: turn,
      uExtent: base.extent,
      uStretch: stretch,
      uFocal: base.focal,
      uBackground: background,
      uPointSize: settings.size * every,
      uEvery: every,
      uUnit: unit,
      largePoints: pixels > 6,
      uCutGrid: value.cutGrid,
      uPixels: [canvas.width, canvas.height],
      uWidth: 1.5 * ratio,
      uSize: (value.marks.length > 24 ? 10 : 15) * ratio,
      showMarks: settings.marks,
      showLinks: settings.links,
    };
  }

  function resize() {
    const ratio = Math.min(MAX_PIXEL_RATIO, window.devicePixelRatio || 1);
    const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
    if (width && height && (canvas.width !== width || canvas.height !== height))
      [canvas.width, canvas.height] = [width, height];
    return width > 0 && height > 0; // a hidden tab has no size
  }

  function draw() {
    asked = false;
    if (!renderer || !data.base || renderer.gl.isContextLost() || !resize()) return false;
    renderer.draw(view(moving ? 2 : 1));
    frames += 1;
    return true;
  }

  function redraw() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(draw);
  }

  // Without a graphics card a quarter of the points is drawn while the view moves, and all of them when it stops.
  let moving = 0;
  function redrawMoving() {
    if (renderer?.isSoftware) {
      clearTimeout(moving);
      moving = setTimeout(() => ((moving = 0), redraw()), REST);
    }
    redraw();
  }

  function say() {
    const lost = renderer && renderer.gl.isContextLost();
    root.dataset.state = !renderer ? "none" : lost ? "lost" : data.base ? "ready" : "empty";
    root.querySelector(".c3v-message").textContent = error || MESSAGES[root.dataset.state] || "";
  }

  function uploadLinks() {
    const { edges, partitions } = data.value;
    const index = tauIndex();
    if (!renderer || !edges || index < 0) return renderer?.setLinks(new Uint32Array(0), new Uint8Array(0));
    const kinds = linkKinds(edges, partitions[index], partitions[index].tau);
    const shown = [...kinds.keys()].filter((e) => kinds[e]).sort((a, b) => kinds[a] - kinds[b]); // cut links on top
    renderer.setLinks(
      Uint32Array.from(shown.flatMap((e) => [edges.pairs[2 * e], edges.pairs[2 * e + 1]])),
      Uint8Array.from(shown, (e) => kinds[e]),
    );
  }

  function show() {
    renderer?.setLayer(currentLayer() ?? null);
    uploadLinks();
    refreshPanel();
    redraw();
  }

  function refreshPanel() {
    const { perspective } = camera;
    refresh({ value: data.value, current: currentLayer(), tauIndex: tauIndex(), perspective, ready: !!data.base });
  }

  function upload() {
    if (renderer && data.base) {
      renderer.setBase(data.base);
      renderer.setRegion(data.value.region);
      renderer.setMarks(data.value.marks);
    }
    say();
    show();
  }

  // Decodes the newest payload, one at a time, and shows photo and layers together when both are ready.
  let [busy, again] = [false, false];
  async function receive() {
    if (busy) return void (again = true);
    busy = true;
    do {
      again = false;
      try {
        const [rawBase, rawValue] = [host.base(), host.value()];
        const same = rawBase && data.base && rawBase.id === data.base.id;
        const base = same ? data.base : rawBase?.depth ? await decodeBase(rawBase) : null;
        const value = rawValue?.layers ? await decodeValue(rawValue) : emptyValue();
        Object.assign(data, { base, value });
        upload();
      } catch (problem) {
        console.error("viewer: the point cloud could not be read", problem);
      }
    } while (again);
    busy = false;
  }

  function pick(clientX, clientY) {
    canvas.focus({ preventScroll: true });
    if (!renderer || !data.base || !resize()) return;
    const box = canvas.getBoundingClientRect();
    const x = Math.floor(((clientX - box.left) / box.width) * canvas.width);
    const y = canvas.height - 1 - Math.floor(((clientY - box.top) / box.height) * canvas.height);
    const id = renderer.pick(view(), x, y);
    draw();
    if (id < 0) return;
    const { width, height } = data.base;
    const position = { row: (Math.floor(id / width) + 0.5) / height, column: ((id % width) + 0.5) / width };
    const others = data.value.marks.filter((mark) => mark[2] !== MARK_KINDS.patch);
    data.value.marks = [...others, [position.row, position.column, MARK_KINDS.patch]]; // at once, before the server answers
    renderer.setMarks(data.value.marks);
    refreshPanel();
    redraw();
    root.dispatchEvent(new CustomEvent("viewer-pick", { detail: position, bubbles: true }));
    host.select(position);
  }

  const act = {
    orbit: (dx, dy) => (orbit(camera, dx, dy), redrawMoving()),
    pan: (dx, dy) => data.base && (pan(camera, shape().fit.distance, dx, dy), redrawMoving()),
    zoom: (factor) => (zoomBy(camera, factor), redrawMoving()),
    reset: () => (resetCamera(camera), refreshPanel(), redraw()),
    togglePerspective: () => ((camera.perspective = !camera.perspective), refreshPanel(), redraw()),
    pick,
    set: (name, value) => ((settings[name] = value), refreshPanel(), redraw()),
    setLayer: (name) => ((settings.layer = name), show()),
    setTau: (index) => {
      const { partitions } = data.value;
      settings.tau = index >= partitions.length - 1 ? null : partitions[index].tau; // the last is the final τ_knn
      settings.layer = PARTITION;
      show();
    },
  };

  // Milliseconds per frame, with all points or with every second row and column.
  function bench(count, every = 1) {
    const start = performance.now();
    for (let i = 0; i < count; i++) {
      renderer.draw(view(every));
      renderer.finish();
    }
    return (performance.now() - start) / count;
  }

  const refresh = makePanel(root, settings, act);
  listen(canvas, act);
  canvas.addEventListener("webglcontextlost", (event) => (event.preventDefault(), say()));
  canvas.addEventListener("webglcontextrestored", () => {
    [renderer, error] = openRenderer(canvas);
    upload();
  });
  new ResizeObserver(() => draw()).observe(canvas); // at once: a resized canvas is empty until it is drawn
  root.viewer = {
    state: () => ({
      ...camera,
      target: [...camera.target],
      ...settings,
      tau: data.value.partitions[tauIndex()]?.tau ?? null,
      points: data.base ? data.base.width * data.base.height : 0,
      base: data.base?.id ?? null,
      marks: data.value.marks.map((mark) => [...mark]),
      frames,
    }),
    setLayer: act.setLayer,
    setCamera: (changes) => (Object.assign(camera, changes), refreshPanel(), redraw()),
    bench,
    gl: () => renderer?.gl,
  };
  say();
  refreshPanel();
  host.onChange(receive);
  receive();
}

// The renderer or null, and why it could not be made where that is not the browser's lack of WebGL 2.
function openRenderer(canvas) {
  try {
    return [makeRenderer(canvas), ""];
  } catch (problem) {
    console.error("viewer:", problem);
    return [null, "The 3D view could not start on this graphics card. Everything else on the page works without it."];
  }
}
