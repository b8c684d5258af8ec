"""The page of a report: its frame, its style and its script."""

from __future__ import annotations

from string import Template

SECTION = Template(
    '<section><h2>$title</h2><p>$text</p><div class="chart" style="height:${height}px"></div></section>\n'
)

PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>$title</title>
<style>
:root { color-scheme: light; --paper: #ffffff; --text: #1f2937; --quiet: #5b6573; --line: #dfe3e9; }
:root.dark { color-scheme: dark; --paper: #12161c; --text: #e6e9ee; --quiet: #a3adba; --line: #323a46; }
body { margin: 0 auto; padding: 20px; max-width: 1080px; background: var(--paper); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header { display: flex; justify-content: space-between; align-items: center; gap: 16px; }
h1 { font-size: 22px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 17px; margin: 0; }
section { border-top: 1px solid var(--line); margin-top: 28px; padding-top: 18px; }
section > p, .note { margin: 4px 0 10px; color: var(--quiet); }
button { font: inherit; font-size: 13px; color: inherit; background: none; border: 1px solid var(--line);
  border-radius: 6px; padding: 6px 12px; min-height: 36px; cursor: pointer; white-space: nowrap; }
summary { cursor: pointer; }
pre { overflow-x: auto; font-size: 12px; color: var(--quiet); }
.chart { width: 100%; }
</style>
</head>
<body>
<header><h1>$title</h1><button type="button" id="theme">Light or dark</button></header>
$notes
<section><h2>Masks</h2>$masks</section>
$sections
<section><details><summary>Parameters of the run</summary><pre>$config</pre></details></section>
<script>$plotly</script>
<script>
const charts = $charts;
const templates = $templates;
const places = [...document.querySelectorAll(".chart")];
const system = matchMedia("(prefers-color-scheme: dark)");
let dark = system.matches;
// a phone gets its room from the margins, and pages scroll under a finger that moves over a chart
const narrow = () => innerWidth < 600;

function draw() {
  document.documentElement.classList.toggle("dark", dark);
  charts.forEach((chart, index) => {
    chart.layout.template = templates[dark ? "dark" : "light"];
    chart.layout.dragmode = narrow() && !chart.layout.scene ? false : undefined;
    Plotly.react(places[index], chart.data, chart.layout, { responsive: true, displaylogo: false });
  });
}

function follow(place, chart) {
  const index = (chart.layout.shapes || []).findIndex(shape => shape.name === "tau_ncut");
  if (index < 0) return;
  place.on("plotly_relayout", change => {
    const tau = change[`shapes[$${index}].x0`];
    if (tau === undefined) return;
    const names = ["before", "after"].map(side => {
      const values = chart.layout.meta[side];
      const linked = values.filter(value => value > tau).length / values.length;
      return `$${side} sharpening: $${(100 * linked).toFixed(1)} % linked`;
    });
    Plotly.update(place, { name: names }, { [`shapes[$${index}].label.text`]: `τ_ncut $${tau.toFixed(3)}`,
      [`shapes[$${index}].x1`]: tau, [`shapes[$${index}].y0`]: 0, [`shapes[$${index}].y1`]: 1 });
  });
}

draw();
places.forEach((place, index) => follow(place, charts[index]));
system.addEventListener("change", event => { dark = event.matches; draw(); });
document.getElementById("theme").addEventListener("click", () => { dark = !dark; draw(); });
</script>
</body>
</html>
"""
)
