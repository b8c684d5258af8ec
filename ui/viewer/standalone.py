"""The viewer as one HTML file that opens offline."""

from __future__ import annotations

import html
import json
from typing import Any

from ui.viewer.component import markup, script, style

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --body-text-color: #1f2937;
  --border-color-primary: #d5dbe3; --background-fill-primary: #fff; }}
@media (prefers-color-scheme: dark) {{ :root {{ --body-text-color: #e6e9ee;
  --border-color-primary: #343c48; --background-fill-primary: #12161c; }} }}
body {{ max-width: 1280px; margin: 0 auto; padding: 16px; background: var(--background-fill-primary);
  color: var(--body-text-color); font-family: system-ui, -apple-system, "Segoe UI", sans-serif; }}
h1 {{ margin: 0 0 12px; font-size: 17px; font-weight: 600; overflow-wrap: anywhere; }}
{style}
</style>
</head>
<body>
<h1>{title}</h1>
{markup}
<script>
(() => {{
const payload = {payload};
{script}
mountViewer(document.querySelector(".c3v"), {{
  base: () => payload.base,
  value: () => payload.value,
  onChange: () => {{}},
  select: () => {{}},
}});
}})();
</script>
</body>
</html>
"""


def standalone_html(base: dict[str, Any], layers: dict[str, Any], *, title: str) -> str:
    """One self-contained page with the cloud and its layers; it needs no network.

    Args:
        base: Result of `base_payload`.
        layers: Result of `layers_payload`.
        title: Heading and title of the page.

    Returns:
        HTML.
    """
    return PAGE.format(
        title=html.escape(title),
        style=style(),
        markup=markup(),
        payload=_safe_json({"base": base, "value": layers}),
        script=script(),
    )


def _safe_json(value: Any) -> str:
    """JSON that cannot end the script element that contains it."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
