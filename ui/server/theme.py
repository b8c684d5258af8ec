"""The look of the page: one theme and one style sheet, for light and dark mode. Nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

from gradio.themes import Base
from gradio.themes.utils import colors, sizes

from ui.draw.charts import CHART_CSS
from ui.draw.mask_view import MASK_CSS

FOLDER = Path(__file__).parent
CSS = "\n".join([(FOLDER / "style.css").read_text(encoding="utf-8"), CHART_CSS, MASK_CSS])
SCRIPTS = ("stream.js", "page.js", "keep.js", "uploads.js", "ranges.js", "lost.js")
HEAD = "".join(f"<script>{(FOLDER / name).read_text(encoding='utf-8')}</script>" for name in SCRIPTS)


def theme() -> Base:
    """System fonts, slate, thin lines, one amber accent."""
    return Base(
        primary_hue=colors.amber,
        secondary_hue=colors.slate,
        neutral_hue=colors.slate,
        text_size=sizes.text_sm,
        spacing_size=sizes.spacing_sm,
        radius_size=sizes.radius_sm,
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "monospace"],
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_border_width="1px",
        block_shadow="none",
        block_label_text_weight="500",
        block_title_text_weight="600",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
        button_primary_background_fill_dark="*primary_600",
        button_primary_text_color_dark="white",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
    )
