// When the server is away the page says so, and when another server answers, or the server has forgotten this page, the page
// loads again: what the tab keeps brings everything back. Gradio 6.31 does this only while a request is open.
Object.assign(window.cuts3d, (() => {
  const LOST = "The connection to the server was lost. The page comes back by itself when the server answers, with your settings.";
  const FORGOTTEN = "The server does not keep this page. Reload it to go on; your settings come back.";
  const [STEADY, HASTE] = [5000, 2000]; // milliseconds between two looks: as a rule, and while the server is away
  const [MOST, MINUTE] = [3, 60e3]; // so many loads in so many milliseconds: then the visitor decides
  const NAME = "cuts3d-loads";
  let [server, away, leaving] = [null, false, false];
  window.addEventListener("pagehide", () => { leaving = true; });

  function loadAgain() {
    try {
      const times = JSON.parse(sessionStorage.getItem(NAME) || "[]").filter((time) => time > Date.now() - MINUTE);
      if (times.length >= MOST) return window.cuts3d.say(FORGOTTEN);
      sessionStorage.setItem(NAME, JSON.stringify([...times, Date.now()]));
    } catch { return window.cuts3d.say(FORGOTTEN); } // without a count it could load for ever
    location.reload();
  }

  async function look() {
    const { root = "", api_prefix = "" } = window.gradio_config || {};
    const answer = await fetch(`${root}${api_prefix}/app_id`, { cache: "no-store" }).catch(() => null);
    const id = answer?.ok ? (await answer.json().catch(() => ({}))).app_id : undefined;
    if (leaving) return;
    if (id === undefined) {
      if (!away) window.cuts3d.say(LOST);
      away = true;
    } else if (server !== null && id !== server) {
      return loadAgain();
    } else {
      if (away) window.cuts3d.hush(LOST);
      [server, away] = [id, false];
    }
  }

  async function watch() {
    for (;;) {
      if (!document.hidden) await look();
      await new Promise((go) => setTimeout(go, away ? HASTE : STEADY));
    }
  }
  watch();
  return { loadAgain };
})());
