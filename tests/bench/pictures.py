"""Pictures that the painter shows: text as an editor draws it, and video-like motion."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Pixels = NDArray[np.uint8]  # height x width x 4, BGRX as X wants it

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"
FONT_PX = 13
LINE_PX = 16
GLYPH_PX = 8
PAPER = (253, 253, 250)
INK = ((30, 30, 30), (0, 90, 170), (160, 40, 40), (20, 120, 60), (110, 110, 110))
WORDS = (
    (
        "async def capture frame region damage encode publish session viewer token return await "
        "if else for while None True width height stride bitrate keyframe heartbeat self.queue "
        "0x7f3a 42 'desktop' != == <= -> ( ) [ ] { } : , # TODO pointer moved"
    )
    .replace(",", " , ")
    .split()
)


def font() -> ImageFont.FreeTypeFont:
    """Return the face that every text picture uses."""
    return ImageFont.truetype(FONT, FONT_PX)


def as_bgrx(image: Image.Image) -> Pixels:
    """Return the pixels in X's order for a 24-bit little-endian visual."""
    rgb = np.asarray(image.convert("RGB"))
    pixels = np.zeros((*rgb.shape[:2], 4), dtype=np.uint8)
    pixels[..., :3] = rgb[..., ::-1]
    return pixels


def text_page(width_px: int, height_px: int, *, seed: int = 1) -> Pixels:
    """Return a page of small antialiased text in several colours, without a repeat."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (width_px, height_px), PAPER)
    draw, face = ImageDraw.Draw(image), font()
    for number, top in enumerate(range(0, height_px, LINE_PX)):
        draw.text((4, top), f"{number:4d}", font=face, fill=(150, 150, 150))
        left = 48 + 4 * GLYPH_PX * int(rng.integers(0, 5))
        while left < width_px * 0.9:
            word = WORDS[int(rng.integers(0, len(WORDS)))]
            draw.text((left, top), word, font=face, fill=INK[int(rng.integers(0, len(INK)))])
            left += GLYPH_PX * (len(word) + 1)
            if rng.random() < 0.06:
                break
    return as_bgrx(image)


def glyphs(letters: str) -> list[Pixels]:
    """Return one small picture a letter."""
    face = font()
    made = []
    for letter in letters:
        image = Image.new("RGB", (GLYPH_PX, LINE_PX), PAPER)
        ImageDraw.Draw(image).text((0, 0), letter, font=face, fill=INK[0])
        made.append(as_bgrx(image))
    return made


def video(width_px: int, height_px: int, count: int) -> Iterator[Pixels]:
    """Yield pictures of a panning, textured field with moving discs and film grain.

    They are made to be shown forwards and backwards in turn, so that motion never jumps.
    """
    rng = np.random.default_rng(7)
    pan_px = 5
    margin = pan_px * count
    field = np.zeros((height_px + margin, width_px + margin, 3), dtype=np.float32)
    for cell, weight in ((192, 70.0), (48, 40.0), (12, 18.0), (4, 8.0)):
        rows, columns = field.shape[0] // cell + 2, field.shape[1] // cell + 2
        for channel in range(3):
            noise = Image.fromarray(rng.standard_normal((rows, columns)).astype(np.float32))
            large = noise.resize((field.shape[1], field.shape[0]), Image.Resampling.BICUBIC)
            field[..., channel] += weight * np.asarray(large)
    field += 120
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32)
    for index in range(count):
        left, top = index * pan_px, index * pan_px // 2
        picture = field[top : top + height_px, left : left + width_px].copy()
        for disc in range(3):
            angle = 2 * np.pi * (index / count / 2 + disc / 3)
            centre_x = width_px * (0.5 + 0.35 * np.cos(angle))
            centre_y = height_px * (0.5 + 0.35 * np.sin(angle))
            radius = height_px * (0.08 + 0.03 * disc)
            inside = (x - centre_x) ** 2 + (y - centre_y) ** 2 < radius**2
            picture[inside] = 255 - picture[inside]
        picture += rng.normal(0, 2.0, (height_px, width_px, 1)).astype(np.float32)
        pixels = np.zeros((height_px, width_px, 4), dtype=np.uint8)
        pixels[..., :3] = np.clip(picture, 0, 255)
        yield pixels
