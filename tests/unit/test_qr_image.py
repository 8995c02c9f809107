"""Pictures of a QR, read back."""

import base64
import io
import random

import zxingcpp
from PIL import Image

from functions.qr_image import qr_png, qr_svg


def refs(count: int) -> list[str]:
    """Texts with the form and length of real ones."""
    chance = random.Random(7)
    return [
        "2@" + ",".join(base64.b64encode(chance.randbytes(size)).decode() for size in (102, 32, 32)) + ",1"
        for _ in range(count)
    ]


def test_every_ref_can_be_read_back_from_its_png() -> None:
    for ref in refs(150):
        image = Image.open(io.BytesIO(qr_png(ref)))
        assert image.size == (256, 256)
        found = zxingcpp.read_barcode(image.convert("L"), formats=zxingcpp.BarcodeFormat.QRCode)
        assert found is not None
        assert (found.text, found.ec_level) == (ref, "M")


def test_the_svg_draws_the_same_modules_as_the_png() -> None:
    (ref,) = refs(1)
    svg = qr_svg(ref)
    size = int(svg.split('viewBox="0 0 ')[1].split(" ")[0])
    drawn = Image.new("L", (size, size), 255)
    path = svg.split('<path d="')[1].split('"')[0]
    for run in path.removesuffix("z").split("z"):
        start, rest = run.removeprefix("M").split(" ")
        y, width = rest.split("v")[0].split("h")
        drawn.paste(0, (int(start), int(y), int(start) + int(width), int(y) + 1))
    found = zxingcpp.read_barcode(drawn.resize((size * 4, size * 4), Image.Resampling.NEAREST))
    assert found is not None
    assert found.text == ref


def test_the_margin_is_two_modules() -> None:
    (ref,) = refs(1)
    image = Image.open(io.BytesIO(qr_png(ref))).convert("L")
    margin = next(x for x in range(256) if image.getpixel((x, x)) == 0)
    modules = int(qr_svg(ref).split('viewBox="0 0 ')[1].split(" ")[0])
    assert margin == round(2 * 256 / modules)
