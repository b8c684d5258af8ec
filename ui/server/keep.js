// What this browser tab keeps of a visit, so that a reload, the back button or a restarted server loses nothing: settings,
// tab and example in `sessionStorage`, the visitor's own files in IndexedDB. `ui/events/kept.py` reads it. Where the
// browser allows no storage, as in private windows and in some frames, the page works without.
Object.assign(window.cuts3d, (() => {
  const NAME = "cuts3d";
  const MOST_BYTES = 150e6; // of all kept files together
  const MOST_FILES = 8;
  const OLDEST = 24 * 3600e3; // milliseconds
  const chosen = {}; // the file that was put into an input last, by kind
  const again = {}; // the kept file that is sent again, by kind
  const ids = {}; // id of the kept file, by the server's mark of its content
  let depthTaken = () => {};

  let state = {};
  try { state = JSON.parse(sessionStorage.getItem(NAME)) || {}; } catch { /* no storage */ }
  if (ours(location.search) && ours(location.search) !== ours(state.query)) state = {}; // a link wins over what was kept
  const before = { ...state }; // the page begins to write before it is asked

  function ours(query) { // without the names of Gradio and of the Space
    return String(new URLSearchParams([...new URLSearchParams(query || "")].filter(([name]) => !name.startsWith("__"))));
  }

  function write(changes) {
    Object.assign(state, { query: location.search, ...changes });
    try { sessionStorage.setItem(NAME, JSON.stringify(state)); } catch { /* no storage */ }
  }

  function files(mode, work) {
    return new Promise((resolve, reject) => {
      const opening = indexedDB.open(NAME, 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore("files", { keyPath: "id" });
      opening.onerror = opening.onblocked = () => reject(opening.error);
      opening.onsuccess = () => {
        const transaction = opening.result.transaction("files", mode);
        const asked = work(transaction.objectStore("files"));
        transaction.oncomplete = () => { opening.result.close(); resolve(asked.result); };
        transaction.onerror = transaction.onabort = () => { opening.result.close(); reject(transaction.error); };
      };
    });
  }

  async function tidy(room) {
    const all = (await files("readonly", (store) => store.getAll())).sort((a, b) => b.at - a.at);
    let bytes = room;
    for (const [place, one] of all.entries()) {
      bytes += one.file.size;
      if (bytes > MOST_BYTES || place >= MOST_FILES - 1 || one.at < Date.now() - OLDEST)
        await files("readwrite", (store) => store.delete(one.id));
    }
  }

  async function keptFile(id) {
    try { return id ? (await files("readonly", (store) => store.get(id)))?.file : undefined; } catch { return undefined; }
  }

  async function kept() {
    for (const kind of ["photo", "depth"])
      if (before[kind]) before[kind] = (await keptFile(before[kind])) ? "here" : "gone";
    return before.values || before.photo || before.example ? JSON.stringify(before) : "";
  }

  function keep(names, values) {
    const all = Object.fromEntries(names.map((name, place) => [name, values[place]]));
    const { preset, depth_kind, ...rest } = all;
    write({ values: rest, preset, depth_kind });
  }

  async function keepFile(kind, uploaded) {
    if (!uploaded) return;
    const mark = uploaded.path.split(/[\\/]/).at(-2); // Gradio names an upload's folder by its content
    if (again[kind] && again[kind] === chosen[kind]) { ids[mark] = state[kind]; return; } // it comes from the store
    const id = crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
    ids[mark] = id; // what cannot be kept is gone after a reload, and the page says so
    try {
      const same = chosen[kind]?.name === uploaded.orig_name ? chosen[kind] : undefined;
      const file = same || new File([await (await fetch(uploaded.url)).blob()], uploaded.orig_name);
      if (file.size > MOST_BYTES) return;
      await tidy(file.size);
      await files("readwrite", (store) => store.put({ id, file, at: Date.now() }));
    } catch { /* no storage, or it is full */ }
  }

  function opened(element) {
    const mark = element.querySelector("[data-example]");
    if (!mark) return;
    const { example, ownPhoto: photo, ownDepth: depth } = mark.dataset;
    write({ example, photo: photo && (ids[photo] || "unknown"), depth: depth && (ids[depth] || "unknown") });
  }

  const nextDepth = () => new Promise((go) => { depthTaken = go; setTimeout(go, 20000); });

  async function sendAgain() {
    const [photo, depth] = [await keptFile(state.photo), await keptFile(state.depth)];
    if (depth) {
      const taken = nextDepth();
      again.depth = depth;
      window.cuts3d.give("depth", depth);
      if (photo) await taken;
    }
    if (!photo) return;
    again.photo = photo;
    window.cuts3d.give("photo", photo);
  }

  document.addEventListener("change", (event) => {
    const box = event.target.matches?.("input[type=file]") && event.target.closest("#upload, #depth-file, #sent-photo, #sent-depth");
    if (box) chosen[box.id.includes("depth") ? "depth" : "photo"] = event.target.files[0];
  }, true);
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); }); // the server forgot this page
  files("readonly", (store) => store.count()).then(() => tidy(0)).catch(() => {});

  return { kept, keep, keepTab: (tab) => write({ tab }), keepFile, opened, sendAgain, nextDepth, depthTaken: () => depthTaken() };
})());
