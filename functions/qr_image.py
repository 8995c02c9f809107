"""Pictures of a QR: 256 px PNG and SVG, margin 2, error correction M. The one door to qrcode and Pillow.

Rule: pictures are made when somebody looks at them, never in a transaction; the last ones are remembered.
"""

from __future__ import annotations

import io
from functools import lru_cache

from PIL import Image
from qrcode.constants import ERROR_CORRECT_M  # type: ignore[import-untyped]
from qrcode.main import QRCode  # type: ignore[import-untyped]

PNG_PIXELS = 256
MARGIN_MODULES = 2

_MASK = 0
"""Trying all eight masks takes 11 of 14 ms. They exist to break up regular data, and a ref is random: no
mask is better than another on average. A test reads hundreds of them back."""

_REMEMBERED = 128
"""QRs on display at the same time and looked at more than once, by page, API and webhook."""

Matrix = tuple[bytes, ...]
"""Rows of ones and zeros: 5 kB of a remembered QR, where booleans in tuples were 28."""


@lru_cache(maxsize=_REMEMBERED)
def _matrix(text: str) -> Matrix:
    code = QRCode(error_correction=ERROR_CORRECT_M, border=MARGIN_MODULES, mask_pattern=_MASK)
    code.add_data(text)
    code.make(fit=True)
    return tuple(bytes(map(bool, row)) for row in code.get_matrix())


@lru_cache(maxsize=_REMEMBERED)
def qr_png(text: str) -> bytes:
    """Black on white, 256 by 256."""
    matrix = _matrix(text)
    size = len(matrix)
    pixels = bytes(0 if module else 255 for row in matrix for module in row)
    image = Image.frombytes("L", (size, size), pixels).resize(
        (PNG_PIXELS, PNG_PIXELS), Image.Resampling.NEAREST
    )
    buffer = io.BytesIO()
    image.convert("1").save(buffer, "PNG")
    return buffer.getvalue()


@lru_cache(maxsize=_REMEMBERED)
def qr_svg(text: str) -> str:
    """One path, black on white, as large as its place."""
    matrix = _matrix(text)
    size = len(matrix)
    path = "".join(
        f"M{start} {y}h{end - start}v1H{start}z" for y, row in enumerate(matrix) for start, end in _runs(row)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{PNG_PIXELS}"'
        f' height="{PNG_PIXELS}" shape-rendering="crispEdges">'
        f'<rect width="{size}" height="{size}" fill="#fff"/><path d="{path}" fill="#000"/></svg>'
    )


def _runs(row: bytes) -> list[tuple[int, int]]:
    """Neighbouring dark modules, from and to."""
    runs: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if not dark:
            continue
        if runs and runs[-1][1] == x:
            runs[-1] = (runs[-1][0], x + 1)
        else:
            runs.append((x, x + 1))
    return runs
