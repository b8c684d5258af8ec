// Body of gr.HTML's js_on_load for masks and their table: everything of one instance is highlighted together, a click or
// Enter sends `select` with {instance}. Listeners are on `element`, since every update replaces its content.
let hot = null; // instance under the pointer or with the focus

const holder = (event) => event.target.closest('[data-instance]');

function light(instance) {
  hot = instance;
  element.classList.toggle('mask-hot', hot !== null);
  for (const node of element.querySelectorAll('[data-instance]')) {
    const on = node.dataset.instance === hot;
    if (node.classList.contains('hot') !== on) node.classList.toggle('hot', on);
  }
}

function select(instance) {
  const index = Number(instance);
  trigger('select', { instance: index, index, value: index }); // the last two for gr.SelectData
}

element.addEventListener('pointermove', (event) => {
  if (event.pointerType !== 'touch') light(holder(event)?.dataset.instance ?? null);
});
element.addEventListener('pointerleave', () => light(null));
element.addEventListener('focusin', (event) => {
  if (event.target.matches(':focus-visible')) light(holder(event)?.dataset.instance ?? null);
});
element.addEventListener('focusout', () => light(null));
element.addEventListener('click', (event) => {
  const found = holder(event);
  if (found) select(found.dataset.instance);
});
element.addEventListener('keydown', (event) => {
  const path = event.target.closest('path[data-instance]');
  if (!path || (event.key !== 'Enter' && event.key !== ' ')) return;
  event.preventDefault();
  select(path.dataset.instance);
});

// An update removes the highlight with the old attributes; restore it where the instance still exists.
new MutationObserver(() => {
  if (hot === null) return;
  light(element.querySelector(`[data-instance="${hot}"]`) ? hot : null);
}).observe(element, { subtree: true, childList: true, attributes: true, attributeFilter: ['class', 'd'] });
