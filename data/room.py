"""A furnished room as textured boxes: the world that `data.synthetic` photographs.

World axes, metres: x east, y north, z up, the floor at z = 0. The first box is the room, seen from
inside; the others are furniture, seen from outside. Every wall has its own wallpaper and its own
things, so that no two places look alike.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

ROOM_LOW = (-3.0, -2.5, 0.0)
ROOM_HIGH = (3.0, 2.5, 2.8)
WEST, EAST, SOUTH, NORTH, BOTTOM, TOP = range(6)  # faces of a box: 2 * axis + (1 on the high side)

Colour = tuple[float, float, float]


class Canvas:
    """A face being painted: RGB in 0..1, addressed in metres from its upper left corner.

    Attributes:
        pixels: float32 [H,W,3].
        width, height: extent in metres.
        scale: texels per metre.
        rng: draws whatever is random about the painting.
    """

    def __init__(self, width: float, height: float, scale: float, rng: np.random.Generator):
        self.width, self.height, self.scale, self.rng = width, height, scale, rng
        shape = [max(2, round(extent * scale)) for extent in (height, width)]
        self.pixels = np.full((*shape, 3), 0.15, np.float32)

    def region(self, left: float, top: float, right: float, bottom: float) -> np.ndarray:
        """A view [h,w,3] of the texels inside a rectangle, at least one texel each way."""
        x, y = round(left * self.scale), round(top * self.scale)
        end_x = max(x + 1, round(right * self.scale))
        return self.pixels[y : max(y + 1, round(bottom * self.scale)), x:end_x]

    def rectangle(
        self, left: float, top: float, right: float, bottom: float, colour: Colour
    ) -> None:
        """Fills a rectangle."""
        self.region(left, top, right, bottom)[:] = colour

    def ellipse(self, x: float, y: float, radius_x: float, radius_y: float, colour: Colour) -> None:
        """Fills an ellipse around (x, y)."""
        view = self.region(x - radius_x, y - radius_y, x + radius_x, y + radius_y)
        down, right = (np.linspace(-1, 1, n)[:, None] ** 2 for n in view.shape[:2])
        view[down + right.T <= 1] = colour

    def fill(self, colour: Colour, mottle: float = 0.08) -> None:
        """Covers the whole face with one colour, mottled by noise of four octaves."""
        self.pixels[:] = colour
        for octave in range(4):
            cell = 0.5 / 2**octave
            self.pixels *= 1 + mottle * 0.7**octave * self.noise(cell, cell)[..., None]

    def noise(self, cell_width: float, cell_height: float) -> np.ndarray:
        """Smooth noise [H,W] in -1..1 with cells of the given size in metres."""
        cells = (round(self.height / cell_height) + 2, round(self.width / cell_width) + 2)
        grid = self.rng.uniform(-1, 1, cells)
        return resample(grid.astype(np.float32), self.pixels.shape[:2])

    def stripes(self, period: float, colour: Colour, share: float = 0.5) -> None:
        """Vertical stripes whose widths vary, so that each stretch differs from the next."""
        x = 0.0
        while x < self.width:
            step = period * self.rng.uniform(0.6, 1.4)
            self.rectangle(x, 0, min(x + share * step, self.width), self.height, colour)
            x += step

    def tiles(
        self, width: float, height: float, colour: Colour, *, spread: float, bond: float = 0
    ) -> None:
        """Tiles, bricks or boards, each of its own shade; `bond` shifts every other row."""
        joint = 0.012
        for row, y in enumerate(np.arange(0, self.height, height)):
            for x in np.arange(-bond * width * (row % 2), self.width, width):
                shade = np.array(colour) * (1 + spread * self.rng.uniform(-1, 1))
                shade *= 1 + spread / 3 * self.rng.uniform(-1, 1, 3)
                right, bottom = min(x + width, self.width), min(y + height, self.height)
                self.region(max(x, 0), y, right - joint, bottom - joint)[:] = shade

    def wood(self, colour: Colour) -> None:
        """Grain along the longer side."""
        along = (1.2, 0.025) if self.width >= self.height else (0.025, 1.2)
        self.fill(colour, 0.05)
        self.pixels *= 1 + 0.16 * self.noise(*along)[..., None]

    def picture(self, left: float, top: float, right: float, bottom: float, frame: Colour) -> None:
        """A framed abstract painting: a two-colour wash under a dozen random shapes."""
        self.rectangle(left, top, right, bottom, frame)
        left, top, right, bottom = left + 0.04, top + 0.04, right - 0.04, bottom - 0.04
        view = self.region(left, top, right, bottom)
        wash = self.rng.uniform(0.1, 1, (2, 1, 1, 3))
        view[:] = wash[0] + (wash[1] - wash[0]) * np.linspace(0, 1, len(view))[:, None, None]
        width, height = right - left, bottom - top
        for _ in range(12):
            half_x, half_y = self.rng.uniform(0.04, 0.22, 2) * (width, height)
            x = self.rng.uniform(left + half_x, right - half_x)
            y = self.rng.uniform(top + half_y, bottom - half_y)
            colour = tuple(self.rng.uniform(0, 1, 3))
            if self.rng.random() < 0.5:
                self.ellipse(x, y, half_x, half_y, colour)
            else:
                self.rectangle(x - half_x, y - half_y, x + half_x, y + half_y, colour)

    def books(self, shelves: int) -> None:
        """A case of shelves filled with books of random widths, heights and colours."""
        right, pitch = self.width - 0.04, (self.height - 0.08) / shelves
        self.rectangle(0.04, 0.04, right, self.height - 0.04, (0.1, 0.07, 0.05))
        for floor in 0.04 + pitch * np.arange(1, shelves + 1):
            x = 0.08
            while x < right - 0.08:
                width, tall = self.rng.uniform(0.02, 0.06), pitch * self.rng.uniform(0.55, 0.85)
                colour = self.rng.uniform(0.05, 0.95, 3) * self.rng.uniform(0.4, 1)
                self.rectangle(x, floor - tall, x + width, floor - 0.02, tuple(colour))
                label = floor - tall * self.rng.uniform(0.5, 0.8)
                self.rectangle(x, label, x + width, label + 0.03, tuple(1 - colour))
                x += width + 0.006 + 0.05 * (self.rng.random() < 0.07)
            self.rectangle(0.04, floor - 0.03, right, floor, (0.45, 0.3, 0.18))

    def window(self, left: float, top: float, right: float, bottom: float) -> None:
        """A bright view of sky, clouds and hills behind a white cross of bars."""
        view = self.region(left, top, right, bottom)
        height, width = view.shape[:2]
        down = np.linspace(0, 1, height)[:, None]
        clouds = resample(self.rng.uniform(0, 1, (7, 9)), (height, width))[..., None] ** 2
        sky = np.array((0.35, 0.55, 0.9)) + down[..., None] * (0.35, 0.25, 0.05)
        view[:] = sky + clouds * (1.0 - sky)
        across = np.linspace(0, 1, width)
        for base, colour in ((0.62, (0.45, 0.6, 0.5)), (0.78, (0.3, 0.5, 0.2))):
            phase = self.rng.uniform(0, 6)
            ridge = base + 0.08 * np.sin(phase + 5 * across) + 0.04 * np.sin(phase + 13 * across)
            view[down > ridge] = colour
        bar, white = 0.05, (0.95, 0.95, 0.92)
        for x in (left, (left + right - bar) / 2, right - bar):
            self.rectangle(x, top, x + bar, bottom, white)
        for y in (top, top + 0.35 * (bottom - top), bottom - bar):
            self.rectangle(left, y, right, y + bar, white)


def resample(grid: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Stretches [h,w] to `shape` [H,W]; linear, the corner samples staying at the corners."""

    def weights(source: int, target: int) -> np.ndarray:
        position = np.linspace(0, source - 1, target)[:, None]
        return np.maximum(0, 1 - abs(position - np.arange(source))).astype(np.float32)

    return weights(grid.shape[0], shape[0]) @ grid @ weights(grid.shape[1], shape[1]).T


Paint = Callable[[Canvas, int], None]


class Box(NamedTuple):
    """An axis-aligned box: two opposite corners in metres, and what paints each of its faces."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    paint: Paint


def _paint_room(canvas: Canvas, face: int) -> None:
    """Walls are painted as seen from inside, left to right."""
    if face == NORTH:
        canvas.fill((0.62, 0.72, 0.8))
        canvas.rectangle(0, 2.62, 6, 2.8, (0.9, 0.9, 0.88))
        canvas.window(2.1, 0.75, 3.9, 1.85)
        for left in (1.72, 3.94):
            curtain = canvas.region(left, 0.6, left + 0.34, 2.2)
            folds = 0.8 + 0.2 * np.sin(np.linspace(0, 35, curtain.shape[1]))
            curtain[:] = folds[:, None] * (0.75, 0.2, 0.22)
        canvas.rectangle(1.72, 0.6, 4.28, 0.66, (0.35, 0.25, 0.2))
        canvas.picture(4.75, 0.5, 5.6, 1.15, (0.15, 0.12, 0.1))
        canvas.ellipse(1.42, 0.7, 0.17, 0.17, (0.1, 0.1, 0.1))  # clock
        canvas.ellipse(1.42, 0.7, 0.145, 0.145, (0.97, 0.97, 0.93))
        canvas.rectangle(1.41, 0.58, 1.43, 0.7, (0, 0, 0))
    elif face == EAST:
        canvas.fill((0.88, 0.74, 0.42))
        canvas.stripes(0.3, (0.8, 0.62, 0.32), 0.4)
        canvas.rectangle(0, 2.6, 5, 2.8, (0.45, 0.25, 0.12))
        canvas.picture(0.25, 0.75, 0.8, 1.6, (0.9, 0.9, 0.9))
        canvas.picture(1.1, 0.45, 1.9, 1.05, (0.1, 0.2, 0.4))
        canvas.picture(2.05, 0.6, 2.55, 1.3, (0.5, 0.1, 0.1))
        canvas.rectangle(3.1, 0.7, 4.1, 2.8, (0.95, 0.93, 0.88))  # door in its frame
        canvas.rectangle(3.17, 0.77, 4.03, 2.8, (0.25, 0.42, 0.5))
        canvas.rectangle(3.3, 1.75, 3.9, 2.65, (0.18, 0.32, 0.4))
        canvas.ellipse(3.27, 1.7, 0.04, 0.04, (0.95, 0.85, 0.4))
    elif face == WEST:
        canvas.fill((0.42, 0.58, 0.4), 0.12)
        canvas.rectangle(0, 1.85, 5, 2.8, (0.85, 0.84, 0.78))  # wainscot
        canvas.rectangle(0, 1.8, 5, 1.87, (0.3, 0.2, 0.12))
        canvas.picture(2.0, 0.5, 3.6, 1.5, (0.75, 0.6, 0.2))
        canvas.picture(3.85, 0.7, 4.35, 1.25, (0.1, 0.1, 0.1))
    elif face == SOUTH:
        canvas.fill((0.75, 0.72, 0.68))
        canvas.tiles(0.42, 0.14, (0.72, 0.36, 0.27), spread=0.22, bond=0.5)
        canvas.rectangle(1.2, 0.7, 3.4, 1.8, (0.3, 0.3, 0.32))
        canvas.rectangle(1.25, 0.75, 3.35, 1.75, (0.95, 0.96, 0.97))  # whiteboard
        for _ in range(14):
            x, y = canvas.rng.uniform((1.3, 0.8), (2.9, 1.65))
            colour = tuple(canvas.rng.choice(((0.8, 0.1, 0.1), (0.1, 0.2, 0.7), (0, 0.4, 0.1))))
            canvas.rectangle(x, y, x + canvas.rng.uniform(0.1, 0.4), y + 0.03, colour)
        canvas.picture(4.2, 0.6, 5.3, 1.5, (0.05, 0.05, 0.05))
    elif face == BOTTOM:
        canvas.tiles(1.1, 0.14, (0.62, 0.44, 0.28), spread=0.2, bond=0.37)
        canvas.pixels *= 1 + 0.12 * canvas.noise(0.6, 0.03)[..., None]
        canvas.rectangle(1.7, 0.55, 4.5, 2.6, (0.55, 0.12, 0.16))  # rug
        canvas.picture(2.0, 0.85, 4.2, 2.3, (0.2, 0.25, 0.45))
    else:
        canvas.fill((0.9, 0.89, 0.86), 0.05)
        for x in (0.7, 2.1, 3.7, 5.1):
            canvas.rectangle(x, 0, x + 0.16, 5, (0.42, 0.28, 0.17))  # beams
        canvas.rectangle(2.55, 2.0, 3.45, 2.9, (1.4, 1.38, 1.3))  # light panel


def _wood(colour: Colour) -> Paint:
    return lambda canvas, face: canvas.wood(colour)


def _fabric(colour: Colour, stripe: Colour) -> Paint:
    def paint(canvas: Canvas, face: int) -> None:
        canvas.fill(colour, 0.15)
        canvas.stripes(0.11, stripe, 0.3)

    return paint


def _patches(colour: Colour) -> Paint:
    return lambda canvas, face: canvas.tiles(0.09, 0.09, colour, spread=0.5)


def _front(face: int, side: Colour, draw: Callable[[Canvas], None]) -> Paint:
    """Wood all round, with `draw` over the one face that looks into the room."""

    def paint(canvas: Canvas, painted: int) -> None:
        canvas.wood(side)
        if painted == face:
            draw(canvas)

    return paint


def _bookcase(canvas: Canvas) -> None:
    canvas.books(shelves=6)


def _screen(canvas: Canvas) -> None:
    canvas.picture(0, 0, canvas.width, canvas.height, (0.04, 0.04, 0.05))


def _drawers(canvas: Canvas) -> None:
    width, height = canvas.width / max(1, round(canvas.width / 0.5)), canvas.height / 3
    for x in np.arange(0, canvas.width - 0.01, width):
        for y in np.arange(3) * height:
            right, bottom = x + width, y + height
            canvas.region(x + 0.03, y + 0.03, right - 0.02, bottom - 0.02)[:] *= 1.35
            handle = (x + right) / 2 - 0.06
            canvas.rectangle(handle, y + 0.08, handle + 0.12, y + 0.11, (0.1, 0.1, 0.1))


BOXES = (
    Box(ROOM_LOW, ROOM_HIGH, _paint_room),
    # North side: bookcase, radiator, sideboard with television and vase.
    Box((-2.95, 2.1, 0), (-1.85, 2.5, 2.15), _front(SOUTH, (0.45, 0.3, 0.18), _bookcase)),
    Box((-0.85, 2.38, 0.12), (0.85, 2.5, 0.7), _fabric((0.93, 0.93, 0.9), (0.7, 0.7, 0.7))),
    Box((1.2, 2.0, 0), (2.75, 2.5, 0.75), _front(SOUTH, (0.3, 0.18, 0.1), _drawers)),
    Box((1.35, 2.2, 0.78), (2.35, 2.28, 1.4), _front(SOUTH, (0.1, 0.1, 0.1), _screen)),
    Box((2.5, 2.15, 0.75), (2.68, 2.33, 1.15), _patches((0.2, 0.5, 0.75))),
    # East side: desk, monitor, parcel, filing cabinet.
    Box((2.2, 0.05, 0.7), (3.0, 1.5, 0.75), _wood((0.8, 0.62, 0.4))),
    Box((2.3, 0.1, 0), (2.95, 0.5, 0.7), _front(WEST, (0.55, 0.58, 0.6), _drawers)),
    Box((2.25, 1.42, 0), (2.3, 1.47, 0.7), _fabric((0.1, 0.1, 0.1), (0.14, 0.14, 0.14))),
    Box((2.65, 0.55, 0.82), (2.7, 1.25, 1.25), _front(WEST, (0.1, 0.1, 0.1), _screen)),
    Box((2.4, 0.15, 0.75), (2.65, 0.4, 0.95), _patches((0.85, 0.4, 0.15))),
    Box((2.45, -2.45, 0), (3.0, -1.85, 1.3), _front(WEST, (0.35, 0.45, 0.4), _drawers)),
    # West side: sofa with cushions, wardrobe.
    Box((-3.0, -0.7, 0.1), (-2.1, 1.3, 0.45), _fabric((0.2, 0.28, 0.5), (0.16, 0.22, 0.4))),
    Box((-3.0, -0.7, 0.45), (-2.75, 1.3, 0.9), _fabric((0.22, 0.3, 0.53), (0.16, 0.22, 0.4))),
    Box((-3.0, -0.9, 0), (-2.1, -0.7, 0.65), _fabric((0.18, 0.25, 0.46), (0.14, 0.2, 0.38))),
    Box((-3.0, 1.3, 0), (-2.1, 1.5, 0.65), _fabric((0.18, 0.25, 0.46), (0.14, 0.2, 0.38))),
    Box((-2.75, 0.75, 0.45), (-2.55, 1.2, 0.8), _patches((0.9, 0.7, 0.2))),
    Box((-2.75, -0.6, 0.45), (-2.55, -0.2, 0.78), _patches((0.8, 0.25, 0.35))),
    Box((-3.0, -2.3, 0), (-2.3, -1.2, 2.1), _front(EAST, (0.75, 0.7, 0.62), _drawers)),
    # Middle: coffee table with a book and a pot, armchair, floor lamp, stool.
    Box((-0.5, 1.05, 0.38), (0.6, 1.65, 0.42), _wood((0.5, 0.28, 0.14))),
    Box((-0.4, 1.15, 0), (-0.3, 1.55, 0.38), _wood((0.4, 0.22, 0.1))),
    Box((0.4, 1.15, 0), (0.5, 1.55, 0.38), _wood((0.4, 0.22, 0.1))),
    Box((-0.3, 1.2, 0.42), (0.0, 1.42, 0.47), _patches((0.7, 0.2, 0.2))),
    Box((0.25, 1.3, 0.42), (0.42, 1.47, 0.66), _patches((0.25, 0.6, 0.35))),
    Box((-1.75, 1.2, 0.08), (-1.0, 1.9, 0.42), _fabric((0.75, 0.45, 0.2), (0.6, 0.33, 0.14))),
    Box((-1.75, 1.72, 0.42), (-1.0, 1.92, 0.95), _fabric((0.78, 0.48, 0.22), (0.6, 0.33, 0.14))),
    Box((1.74, 1.64, 0), (1.78, 1.68, 1.25), _fabric((0.15, 0.15, 0.15), (0.2, 0.2, 0.2))),
    Box((1.58, 1.48, 1.25), (1.94, 1.84, 1.6), _fabric((1.25, 1.1, 0.8), (1.1, 0.9, 0.55))),
    Box((0.95, 0.95, 0), (1.25, 1.25, 0.45), _wood((0.3, 0.5, 0.3))),
)
