"""A full-screen X window to paint on, through python-xlib: pixmaps, copies, the barcode."""

import random

import numpy as np
from Xlib import X, display
from Xlib.xobject.drawable import Pixmap

from bench import barcode
from bench.pictures import Pixels

REQUEST_BYTES = 200_000  # under X's 262 140 without BIG-REQUESTS


class Canvas:
    """One override-redirect window over the whole screen, with a blank pointer."""

    def __init__(self, name: str) -> None:
        self.display = display.Display(name)
        screen = self.display.screen()
        self.width_px, self.height_px = screen.width_in_pixels, screen.height_in_pixels
        self.depth = screen.root_depth
        blank = screen.root.create_pixmap(1, 1, 1)
        cursor = blank.create_cursor(blank, (0, 0, 0), (0, 0, 0), 0, 0)
        self.window = screen.root.create_window(
            0,
            0,
            self.width_px,
            self.height_px,
            0,
            self.depth,
            X.InputOutput,
            X.CopyFromParent,
            background_pixel=0x808080,
            override_redirect=True,
            cursor=cursor,
        )
        self.window.map()
        self.gc = self.window.create_gc(graphics_exposures=0)
        self.black = self.window.create_gc(foreground=0x000000, graphics_exposures=0)
        self.white = self.window.create_gc(foreground=0xFFFFFF, graphics_exposures=0)
        shades = [random.randrange(1 << 24) for _ in range(64)]
        self.colours = [
            self.window.create_gc(foreground=shade, graphics_exposures=0) for shade in shades
        ]
        self._code = self.window.create_pixmap(barcode.WIDTH_PX, barcode.HEIGHT_PX, self.depth)
        self.display.sync()

    def pixmap(self, pixels: Pixels) -> Pixmap:
        """Upload a picture; copies of it cost the painter nothing."""
        height_px, width_px = pixels.shape[:2]
        made: Pixmap = self.window.create_pixmap(width_px, height_px, self.depth)
        rows = max(1, REQUEST_BYTES // (width_px * 4))
        for top in range(0, height_px, rows):
            part = np.ascontiguousarray(pixels[top : top + rows])
            made.put_image(
                self.gc,
                0,
                top,
                width_px,
                part.shape[0],
                X.ZPixmap,
                self.depth,
                0,
                part.tobytes(),
            )
            self.display.flush()
        self.display.sync()
        return made

    def copy(self, source: Pixmap, source_y: int, x: int, y: int, width: int, height: int) -> None:
        """Copy a part of a pixmap to the window."""
        self.window.copy_area(self.gc, source, 0, source_y, width, height, x, y)

    def stamp(self) -> int:
        """Draw the clock as it is now as a barcode, in one copy, and return it."""
        now_us = barcode.clock_us()
        cells: tuple[list[tuple[int, int, int, int]], ...] = ([], [])
        size = barcode.CELL_PX
        for index, white in enumerate(barcode.encode(now_us)):
            row, column = divmod(index, barcode.COLUMNS)
            cells[white].append((column * size, row * size, size, size))
        for gc, rectangles in zip((self.black, self.white), cells, strict=True):
            self._code.poly_fill_rectangle(gc, rectangles)
        self.window.copy_area(
            self.gc,
            self._code,
            0,
            0,
            barcode.WIDTH_PX,
            barcode.HEIGHT_PX,
            barcode.LEFT_PX,
            barcode.TOP_PX,
        )
        return now_us

    def clear_band(self) -> None:
        """Paint the strip that holds the barcode in its plain colour."""
        self.window.clear_area(0, 0, self.width_px, barcode.BAND_PX)

    def flush(self) -> None:
        """Send what was drawn."""
        self.display.flush()

    def close(self) -> None:
        """End the connection; the window goes with it."""
        self.display.close()


def grab(display_name: str) -> Pixels:
    """Return the screen's pixels exactly, as X holds them."""
    connection = display.Display(display_name)
    try:
        screen = connection.screen()
        width, height = screen.width_in_pixels, screen.height_in_pixels
        rows = []
        step = max(1, 4_000_000 // (width * 4))
        for top in range(0, height, step):
            count = min(step, height - top)
            image = screen.root.get_image(0, top, width, count, X.ZPixmap, 0xFFFFFFFF)
            data = image.data if isinstance(image.data, bytes) else image.data.encode("latin-1")
            rows.append(np.frombuffer(data, dtype=np.uint8).reshape(count, width, 4))
        return np.concatenate(rows)
    finally:
        connection.close()
