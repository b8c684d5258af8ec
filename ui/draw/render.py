"""A picture as HTML for the page, and as pixels for files; both are made from the same layers."""

from __future__ import annotations

import base64
import html
import io

import numpy as np
from PIL import Image, ImageDraw

from cuts3d.arrays import ImageArray
from cuts3d.figures.colours import Scale, colour_table
from cuts3d.grids import fit_longer_side
from ui.draw.picture import Label, Mark, Picture

SIDE = 720  # longer side of an exported picture and of the photo on the page, pixels
MARK_RADIUS = 0.028  # fraction of the longer image side
MARK_COLOURS = {
    "patch": (255, 255, 255),
    "source": (240, 228, 66),
    "sink": (86, 180, 233),
    "seed": (255, 255, 255),
    "corner": (213, 94, 0),
}


def data_uri(pixels: ImageArray, *, kind: str = "PNG", **options: object) -> str:
    """An array, uint8 [h, w, 3 or 4], as a data URI."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)  # pyright: ignore[reportArgumentType]
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def photo_uri(image: ImageArray) -> str:
    """The photo at the page's size, as WebP."""
    return data_uri(reduced(image), kind="WEBP", quality=82, method=2)  # pyright: ignore[reportArgumentType]


def reduced(image: ImageArray) -> ImageArray:
    """The photo at the page's size, uint8 [h, w, 3]."""
    return _resized(image, page_shape(image.shape), smooth=True)


def page_shape(photo_shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a photo on the page and in exported pictures."""
    return fit_longer_side(photo_shape, SIDE)


def to_html(picture: Picture, photo_shape: tuple[int, ...]) -> str:
    """A picture as layered HTML; the photo itself is the CSS variable `--photo`, which is sent once.

    Args:
        picture: What to draw.
        photo_shape: (height, width, …) of the photo.
    """
    h, w = photo_shape[:2]
    parts = ['<div class="photo"></div>'] if picture.photo else []
    if picture.pixels is not None:
        smooth = " smooth" if picture.smooth else ""
        kind = {"kind": "WEBP", "quality": 88, "method": 1} if picture.smooth else {"kind": "PNG", "compress_level": 1}
        parts.append(f'<img class="pixels{smooth}" alt="" src="{data_uri(picture.pixels, **kind)}">')  # pyright: ignore
    if picture.marks:
        parts.append(
            f'<svg viewBox="0 0 {w} {h}" aria-hidden="true">{"".join(_ring(m, h, w) for m in picture.marks)}</svg>'
        )
    parts += [_number(label) for label in picture.labels]
    alt = html.escape(picture.alt, quote=True)
    return (
        f'<div class="picture" role="img" aria-label="{alt}" style="aspect-ratio:{w}/{h}">{"".join(parts)}</div>'
        f"{legend(picture.scale)}"
    )


def waiting(photo_shape: tuple[int, ...]) -> str:
    """An empty picture of the photo's proportions, so that the layout does not change when the picture is ready."""
    h, w = photo_shape[:2]
    return f'<div class="picture waiting" style="aspect-ratio:{w}/{h}"></div>'


def _ring(mark: Mark, h: int, w: int) -> str:
    radius = MARK_RADIUS * max(h, w)
    y, x = mark.y * h, mark.x * w
    circle = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"'
    return f'<circle class="ring-back" {circle}/><circle class="ring {mark.kind}" {circle}/>'


def _number(label: Label) -> str:
    style = f"top:{100 * label.y:.2f}%;left:{100 * label.x:.2f}%;color:rgb{label.colour}"
    return f'<b class="number" style="{style}" aria-hidden="true">{html.escape(label.text)}</b>'


def legend(scale: Scale | None) -> str:
    """The colour map as a bar, with the meaning of its ends."""
    if scale is None:
        return ""
    stops = ",".join(f"rgb({r},{g},{b})" for r, g, b in colour_table(scale.name)[np.linspace(0, 255, 9).astype(int)])
    return (
        f'<div class="legend"><span>{html.escape(scale.low)}</span>'
        f'<i style="background:linear-gradient(90deg,{stops})"></i><span>{html.escape(scale.high)}</span></div>'
    )


def to_image(picture: Picture, photo: ImageArray) -> ImageArray:
    """A picture as pixels.

    Args:
        picture: What to draw.
        photo: uint8 [H, W, 3].

    Returns:
        uint8 [h, w, 3], the longer side `SIDE`.
    """
    shape = page_shape(photo.shape)
    image = Image.fromarray(_layers(picture, photo, shape))
    draw = ImageDraw.Draw(image)
    for mark in picture.marks:
        _draw_mark(draw, mark, shape)
    for label in picture.labels:
        _draw_label(draw, label, shape)
    return np.asarray(image)


def _layers(picture: Picture, photo: ImageArray, shape: tuple[int, int]) -> ImageArray:
    """The photo, where it is shown, with the picture's pixels over it; uint8 [h, w, 3]."""
    ground = _resized(photo, shape, smooth=True) if picture.photo else np.zeros((*shape, 3), np.uint8)
    if picture.pixels is None:
        return ground
    layer = _resized(picture.pixels, shape, smooth=picture.smooth).astype(np.float32)
    opacity = layer[..., 3:] / 255 if layer.shape[2] == 4 else 1.0
    return (ground.astype(np.float32) * (1 - opacity) + layer[..., :3] * opacity).astype(np.uint8)


def _draw_mark(draw: ImageDraw.ImageDraw, mark: Mark, shape: tuple[int, int]) -> None:
    y, x, radius = mark.y * shape[0], mark.x * shape[1], MARK_RADIUS * max(shape)
    box = (x - radius, y - radius, x + radius, y + radius)
    draw.ellipse(box, outline=(0, 0, 0), width=5)
    draw.ellipse(box, outline=MARK_COLOURS[mark.kind], width=3)


def _draw_label(draw: ImageDraw.ImageDraw, label: Label, shape: tuple[int, int]) -> None:
    centre = (label.x * shape[1], label.y * shape[0])
    left, top, right, bottom = draw.textbbox(centre, label.text, anchor="mm", font_size=22)
    draw.rounded_rectangle((left - 8, top - 6, right + 8, bottom + 6), 7, fill=(20, 22, 28))
    draw.text(centre, label.text, fill=label.colour, anchor="mm", font_size=22)


def _resized(pixels: ImageArray, shape: tuple[int, int], *, smooth: bool) -> ImageArray:
    method = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(pixels).resize((shape[1], shape[0]), method))
