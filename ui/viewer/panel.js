// The toolbar and the legend: native controls that mirror and change the viewer's settings.

const PARTITION = "partition";
const PHOTO = "photo";

const rgb = (palette, index) => `rgb(${palette[4 * index]} ${palette[4 * index + 1]} ${palette[4 * index + 2]})`;

function make(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function swatch(className, text, colour = "") {
  const item = make("span", "c3v-item");
  const dot = make("i", `c3v-swatch ${className}`);
  if (colour) dot.style.background = colour;
  item.append(dot, text);
  return item;
}

function rampOf({ palette, legend }) {
  const [first, last] = [legend.first ?? 0, legend.last ?? palette.length / 4 - 1];
  const stops = [...Array(9).keys()].map((i) => rgb(palette, Math.round(first + ((last - first) * i) / 8)));
  const bar = make("i", "c3v-ramp");
  bar.style.background = `linear-gradient(90deg, ${stops.join(", ")})`;
  const item = make("span", "c3v-item");
  item.append(legend.low, bar, legend.high);
  return item;
}

function drawLegend(box, layer, settings, value) {
  const items = [];
  if (layer && Array.isArray(layer.legend))
    items.push(...layer.legend.map(([label, index]) => swatch("c3v-square", label, rgb(layer.palette, index))));
  else if (layer && layer.legend) items.push(rampOf(layer));
  else items.push(make("span", "c3v-item", "The photo's own colours"));
  if (settings.marks && value.marks.length) {
    const kinds = new Set(value.marks.map((mark) => mark[2]));
    if (kinds.has(MARK_KINDS.source)) items.push(swatch("c3v-source", "source"));
    if (kinds.has(MARK_KINDS.sink)) items.push(swatch("c3v-sink", "sink"));
    if (kinds.has(MARK_KINDS.patch)) items.push(swatch("c3v-patch", "chosen patch"));
  }
  if (settings.links && value.edges && value.partitions.length) {
    items.push(swatch("c3v-kept", "link kept"), swatch("c3v-cut", "link cut"));
    items.push(swatch("c3v-long", "link longer than τ"));
  }
  box.replaceChildren(...items);
}

function fillLayers(select, value, wanted) {
  const options = [[PHOTO, "Photo"], ...value.layers.map((layer) => [layer.name, layer.title])];
  if (value.partitions.length) options.push([PARTITION, "Partition"]);
  const key = JSON.stringify(options);
  if (select.dataset.key !== key) {
    select.replaceChildren(...options.map(([name, title]) => new Option(title, name)));
    select.dataset.key = key; // an open list is not rebuilt while the visitor uses it
  }
  select.value = options.some(([name]) => name === wanted) ? wanted : PHOTO;
}

function makePanel(root, settings, act) {
  const control = (name) => root.querySelector(`[data-c="${name}"]`);
  const output = (name) => root.querySelector(`[data-o="${name}"]`);
  const [layer, tau, size, stretch] = ["layer", "tau", "size", "stretch"].map(control);

  layer.addEventListener("change", () => act.setLayer(layer.value));
  tau.addEventListener("input", () => act.setTau(Number(tau.value)));
  size.addEventListener("input", () => act.set("size", 2 ** Number(size.value)));
  stretch.addEventListener("input", () => act.set("stretch", 10 ** Number(stretch.value)));
  for (const name of ["marks", "links", "away"])
    control(name).addEventListener("change", (event) => act.set(name, event.target.checked));
  control("perspective").addEventListener("change", act.togglePerspective);
  control("reset").addEventListener("click", act.reset);

  return function refresh({ value, current, tauIndex, perspective, ready }) {
    fillLayers(layer, value, settings.layer);
    tau.max = Math.max(1, value.partitions.length - 1);
    tau.value = Math.max(0, tauIndex);
    tau.disabled = value.partitions.length < 2;
    const text = tauIndex >= 0 ? value.partitions[tauIndex].tau.toFixed(3) : "–";
    output("tau").textContent = text;
    tau.setAttribute("aria-valuetext", text);
    size.value = Math.log2(settings.size);
    output("size").textContent = `${settings.size.toFixed(1)}×`;
    const shown = settings.away ? value.depthScale : settings.stretch;
    stretch.value = Math.log10(shown);
    stretch.disabled = settings.away;
    output("stretch").textContent = `${shown.toFixed(shown < 1 ? 2 : 1)}×`;
    for (const name of ["marks", "links", "away"]) control(name).checked = settings[name];
    control("perspective").checked = perspective;
    control("links").disabled = !value.edges || !value.partitions.length;
    control("away").disabled = !value.region;
    for (const each of [layer, size, ...["perspective", "marks", "reset"].map(control)]) each.disabled = !ready;
    drawLegend(root.querySelector(".c3v-legend"), current, settings, value);
  };
}
