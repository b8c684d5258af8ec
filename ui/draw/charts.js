// Body of gr.HTML's js_on_load for `affinity_histogram`: drags the τ_ncut line and sends `input` with {tau}.
// Not `change`: Gradio sends that itself whenever Python updates the value, which would give a loop.
// Listen with trigger_mode="multiple": "always_last" repeats an event with the data of an older one. No queue
// grows, since one event is sent at a time.
const STEP = 0.005, COARSE = 0.05; // of the arrow keys, and of page up and down
const EVERY = 80, GIVE_UP = 1500; // milliseconds from one event to the next: at least, and if no answer is drawn
const HOLD = 4000; // milliseconds for which a choice outlives older answers
const JUMPS = {
  ArrowRight: STEP, ArrowUp: STEP, ArrowLeft: -STEP, ArrowDown: -STEP, PageUp: COARSE, PageDown: -COARSE, Home: -1, End: 1,
};
let drag = null; // { pointer, offset } while the line is held
let held = null; // { tau, sent, until }: what the person chose, until the server has drawn it
let flying = null; // the τ that the server is at
let lastSent = -EVERY, timer = 0;

const chart = () => element.querySelector('.affinity-chart');
const grip = () => element.querySelector('.tau-grip');
const drawn = (tau) => Math.abs(Number(chart()?.dataset.tau) - tau) < 1e-4; // by the server
const shown = () => Number(grip().getAttribute('aria-valuenow'));
const set = (node, name, value) => node.getAttribute(name) === value || node.setAttribute(name, value);

function edges() {
  const { left, right } = chart().dataset;
  return [Number(left), Number(right)];
}

function show(tau) {
  const [left, right] = edges();
  const x = (right - left) * tau;
  set(grip(), 'transform', `translate(${(left + x).toFixed(2)} 0)`);
  set(grip(), 'aria-valuenow', tau.toFixed(4));
  set(element.querySelector('.tau-band'), 'transform', `translate(${x.toFixed(2)} 0)`);
  const text = grip().querySelector('text'), words = `τ ${tau.toFixed(3)}`;
  if (text.textContent !== words) text.textContent = words;
}

function send() {
  clearTimeout(timer);
  if (!held || held.sent) return;
  const now = performance.now(), pause = lastSent + (flying === null ? EVERY : GIVE_UP) - now;
  if (pause > 0) {
    timer = setTimeout(send, pause); // by then the latest choice
    return;
  }
  lastSent = now;
  flying = drawn(held.tau) ? null : held.tau;
  Object.assign(held, { sent: true, until: now + HOLD });
  trigger('input', { tau: held.tau });
}

function choose(value) {
  const tau = Number(Math.min(1, Math.max(0, value)).toFixed(4));
  if (tau === shown()) return;
  held = { tau, sent: false, until: Infinity };
  show(tau);
  send();
}

function tauUnder(event) {
  const [left, right] = edges();
  const svg = chart().querySelector(':scope > svg'), box = svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
  return (x - left) / (right - left);
}

element.addEventListener('pointerdown', (event) => {
  const target = event.target.closest('.tau-grip');
  if (!target || event.button !== 0) return;
  event.preventDefault();
  target.focus({ preventScroll: true });
  drag = { pointer: event.pointerId, offset: shown() - tauUnder(event) }; // the line does not jump to the pointer
  element.setPointerCapture(event.pointerId); // not on the line: an answer may replace it
  element.classList.add('dragging-tau');
});
element.addEventListener('pointermove', (event) => {
  if (!drag || event.pointerId !== drag.pointer || !grip()) return;
  choose(Math.round((tauUnder(event) + drag.offset) / STEP) * STEP);
});
for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) {
  element.addEventListener(end, (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    drag = null;
    element.classList.remove('dragging-tau');
  });
}
element.addEventListener('keydown', (event) => {
  if (!event.target.closest('.tau-grip') || !(event.key in JUMPS) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  choose(shown() + JUMPS[event.key]);
});

// An answer to an older choice must not pull the line back: put it where the person left it, before the page is painted.
new MutationObserver(() => {
  if (flying !== null && drawn(flying)) {
    flying = null;
    send();
  }
  if (!held || !grip()) return;
  if (!drag && held.sent && (drawn(held.tau) || performance.now() > held.until)) held = null;
  else show(held.tau);
}).observe(element, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-tau', 'transform'] });
