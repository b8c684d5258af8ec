"""How the page looks: one theme, one style sheet, light and dark."""

from __future__ import annotations

from gradio.themes import Base, Soft


def theme() -> Base:
    """A quiet theme: system fonts (nothing is fetched), one accent."""
    fonts = ["system-ui", "-apple-system", "Segoe UI", "sans-serif"]
    return Soft(primary_hue="amber", neutral_hue="slate", font=fonts, font_mono=["ui-monospace", "Menlo", "monospace"])


CSS = """
.gradio-container { max-width: 1600px !important; }
#title h1 { margin-bottom: 0; }
#title p { margin-top: .2rem; opacity: .85; }
#body { align-items: flex-start; }
#status { min-height: 1.8rem; }
#status .error { color: var(--error-text-color, #b91c1c); font-weight: 600; }
#examples-title p { font-size: .86rem; margin: 0; }
#examples, #examples .grid-wrap { height: auto !important; min-height: 0 !important; max-height: none !important; }
#examples .grid-wrap { overflow: visible !important; padding: 0 !important; }
#examples .grid-container { grid-template-columns: repeat(4, minmax(0, 1fr)) !important; gap: 6px !important;
  grid-template-rows: none !important; grid-auto-rows: auto !important; padding: 0 !important; }
#examples .thumbnail-item { aspect-ratio: 4 / 3; width: 100% !important; }
#stages { display: grid !important; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 16px 14px; }
#stages > * { min-width: 0 !important; }
.stage { gap: 4px !important; }
.stage h3 { margin: 0 !important; font-size: 1rem; }
.stage p { margin: 0 !important; font-size: .84rem; line-height: 1.35; opacity: .85; min-height: 4.1em; }
#cloud { min-height: 440px; background: transparent; }
#table { overflow-x: auto; }
#table table { font-size: .9rem; }
#table th, #table td { white-space: nowrap; word-break: normal; overflow-wrap: normal; }
@media (max-width: 1180px) { #stages { grid-template-columns: repeat(3, minmax(0, 1fr)); } }
@media (min-width: 900px) { #controls { position: sticky; top: 8px; } }
@media (max-width: 640px) {
  #stages { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 12px 10px; }
  .stage p { font-size: .78rem; min-height: 5.4em; }
  .stage .stage-picture { height: 140px !important; }
}
"""
