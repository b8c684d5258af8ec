// A file that is dropped or pasted anywhere on the page is an upload, as if it had been chosen in its box.
Object.assign(window.cuts3d, (() => {
  const DEPTH = /\.(npy|npz|exr|pfm)$/i;
  const CHECKPOINT = /\.(pth|safetensors)$/i;
  const OTHER_BOXES = "#checkpoint, #training-photos"; // they take their own files
  const ACCEPT = "image/*,.heic,.heif,.avif,.tif,.tiff,.jp2,.jfif"; // some systems know no type for these
  const ADDRESS_ONLY = "The browser hands over only the picture's address. Save the picture, then drop its file here.";

  function say(text) {
    let notice = document.getElementById("notice");
    if (!notice) {
      notice = Object.assign(document.createElement("div"), { id: "notice" });
      notice.setAttribute("role", "alert");
      notice.append(document.createElement("span"), Object.assign(document.createElement("button"), { type: "button", textContent: "Close" }));
      notice.lastChild.addEventListener("click", () => notice.remove());
      (document.querySelector(".gradio-container") || document.body).append(notice);
    }
    notice.firstChild.textContent = text;
  }

  function hush(text) {
    const notice = document.getElementById("notice");
    if (notice?.firstChild.textContent === text) notice.remove();
  }

  function give(kind, file) {
    const input = document.querySelector(`#sent-${kind} input[type=file]`);
    if (!input) return say("The page is not ready yet. Try again in a moment.");
    const list = new DataTransfer();
    list.items.add(file);
    input.files = list.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  async function take(files, asDepth) {
    const depth = files.filter((file) => asDepth || DEPTH.test(file.name));
    const photos = files.filter((file) => !depth.includes(file) && !CHECKPOINT.test(file.name));
    if (photos.length + depth.length === 0) return say("A checkpoint belongs in its box on the tab Detector.");
    if (photos.length > 1 || depth.length > 1) say("The page opens one photo and one depth map at a time: the first was taken.");
    if (depth.length) {
      const taken = photos.length ? window.cuts3d.nextDepth() : null;
      give("depth", depth[0]);
      await taken;
    }
    if (photos.length) give("photo", photos[0]);
  }

  async function pictureOf(html) {
    const source = new DOMParser().parseFromString(html, "text/html").querySelector("img")?.src || "";
    if (!source.startsWith("data:image/")) return undefined;
    const blob = await (await fetch(source)).blob();
    return new File([blob], `picture.${blob.type.slice(6).split("+")[0]}`, { type: blob.type });
  }

  const typed = (target) => target?.closest?.("textarea, [contenteditable=true], input:not([type=file]):not([type=range])");
  const carries = (data) => data && [...data.types].some((type) => ["Files", "text/uri-list", "text/html"].includes(type));
  let [inside, own] = [0, false]; // how deep in the page a drag is; whether it began on the page

  function hint(shown) {
    document.documentElement.toggleAttribute("data-dropping", shown);
  }

  function ours(event) {
    if (own || !carries(event.dataTransfer) || event.target.closest?.(OTHER_BOXES)) return false;
    return event.dataTransfer.types.includes("Files") || !typed(event.target);
  }

  function on(name, work) {
    document.addEventListener(name, (event) => {
      if (!ours(event)) return;
      event.preventDefault(); // else the browser would leave the page and show the file
      event.stopPropagation();
      work(event);
    }, true);
  }

  document.addEventListener("dragstart", () => { own = true; }, true);
  document.addEventListener("dragend", () => { own = false; }, true);
  on("dragenter", () => { inside += 1; hint(true); });
  on("dragover", (event) => { event.dataTransfer.dropEffect = "copy"; });
  on("dragleave", () => { inside -= 1; if (inside <= 0) { inside = 0; hint(false); } });
  document.addEventListener("drop", () => { inside = 0; hint(false); }, true);
  on("drop", async (event) => {
    const data = event.dataTransfer;
    const [files, html, asDepth] = [[...data.files], data.getData("text/html"), Boolean(event.target.closest?.("#depth-file"))];
    if (files.length) return take(files, asDepth);
    const picture = await pictureOf(html);
    if (picture) take([picture], asDepth);
    else say(ADDRESS_ONLY);
  });
  // A file beside the two boxes that take their own would still make the browser leave the page.
  for (const name of ["dragover", "drop"])
    window.addEventListener(name, (event) => { if (event.dataTransfer?.types.includes("Files")) event.preventDefault(); });

  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files || [])];
    if (!files.length || typed(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
    take(files, false);
  }, true);

  new MutationObserver(() => {
    for (const input of document.querySelectorAll("#upload input[type=file], #sent-photo input[type=file]"))
      if (input.accept !== ACCEPT) input.accept = ACCEPT;
  }).observe(document.documentElement, { subtree: true, childList: true });

  return { say, hush, give };
})());
