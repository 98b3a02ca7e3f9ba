"""A ray caster for rooms made of boxes: light baked into textures, textures looked up by rays.

Camera: a pinhole without distortion, axes x right, y down, z forward; pixel centres are at whole
numbers, (0, 0) being the upper left one.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from data.room import BOXES, Box, Canvas, resample

FOCAL_LENGTH = 1.05  # heights of the image

_FURNITURE = range(1, len(BOXES))
_LIGHT_CELL = 0.1  # metres between samples of the baked light
_LAMPS = tuple((x, y, 2.7) for x in (-0.35, 0.0, 0.35) for y in (-0.35, 0.0, 0.35))
_WINDOW = tuple((x, 2.45, z) for x in (-0.6, 0.0, 0.6) for z in (1.2, 1.7))
_OPEN = 0.8  # metres of free sight that leave a point its whole ambient light
_SHIFTS = np.array([[0], [8], [16]], np.int32)  # of red, green and blue in a packed texel
_CHUNK = 16384  # rays at a time: their arrays stay in the processor's cache
_CORNERS = np.array(list(np.ndindex(2, 2, 2)), bool)[..., None]  # of a box
_EDGE_SAMPLES = ((-0.125, -0.375), (0.375, -0.125), (0.125, 0.375), (-0.375, 0.125))


def intrinsics(size: tuple[int, int]) -> np.ndarray:
    """The camera matrix [3,3] in pixels for an image of (width, height).

    The focal length is FOCAL_LENGTH times the height and the principal point is the image's middle.
    """
    width, height = size
    focal = FOCAL_LENGTH * height
    return np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])


class Face(NamedTuple):
    """One side of a box as a viewer sees it: from inside for the room, else from outside.

    Attributes:
        corner: [3], the upper left corner, metres.
        right, down, normal: [3], unit vectors; the normal points at the viewer.
        width, height: metres.
    """

    corner: np.ndarray
    right: np.ndarray
    down: np.ndarray
    normal: np.ndarray
    width: float
    height: float

    @classmethod
    def of(cls, box: Box, face: int, *, inside: bool) -> "Face":
        """The frame of face 2 * axis + side of a box."""
        axis, side = divmod(face, 2)
        normal = np.zeros(3)
        normal[axis] = 1 if bool(side) != inside else -1
        right = np.cross(-normal, (0, 0, 1)) if axis < 2 else np.array((1.0, 0, 0))
        down = np.cross(-normal, right)
        low, high = np.array(box.low), np.array(box.high)
        corner = np.where(right + down > 0, low, high)
        corner[axis] = high[axis] if side else low[axis]
        return cls(corner, right, down, normal, abs(right) @ (high - low), abs(down) @ (high - low))


class RayCaster:
    """The boxes of `data.room`, painted, lit and ready to be photographed.

    Args:
        seed: draws pictures, books, noise and shades; the boxes stand where they stand.
        texels_per_metre: sharpness of the textures.
    """

    def __init__(self, seed: int, texels_per_metre: float):
        self._low = np.array([box.low for box in BOXES], np.float32)[..., None]
        self._high = np.array([box.high for box in BOXES], np.float32)[..., None]
        self._scale = texels_per_metre
        faces = [
            Face.of(box, face, inside=index == 0)
            for index, box in enumerate(BOXES)
            for face in range(6)
        ]
        rng = np.random.default_rng([seed, 0])
        pyramids = []
        for index, (face, light) in enumerate(zip(faces, self._bake(faces), strict=True)):
            canvas = Canvas(face.width, face.height, texels_per_metre, rng)
            BOXES[index // 6].paint(canvas, index % 6)
            canvas.pixels *= resample(light, canvas.pixels.shape[:2])[..., None]
            pyramids.append(_pyramid(255 * np.clip(canvas.pixels, 0, 1)))
        self._pack(faces, pyramids)

    def _bake(self, faces: list[Face]) -> list[np.ndarray]:
        """Light [h,w] on every face: lamp and window with soft shadows, and occluded ambient."""
        shapes, points, normals = [], [], []
        for face in faces:
            shape = [max(2, int(np.ceil(n / _LIGHT_CELL))) for n in (face.height, face.width)]
            v, u = (np.linspace(0.01, 0.99, n) for n in shape)
            v, u = np.repeat(v * face.height, len(u)), np.tile(u * face.width, len(v))
            start = face.corner + 1e-3 * face.normal  # off the surface, or it would shade itself
            points.append(start[:, None] + np.outer(face.right, u) + np.outer(face.down, v))
            normals.append(np.tile(face.normal[:, None], len(u)))
            shapes.append(shape)
        points, normals = np.hstack(points).astype(np.float32), np.hstack(normals)
        light = np.full(points.shape[1], 0.15)
        for lamps, power in ((_LAMPS, 1.35), (_WINDOW, 0.7)):
            for lamp in lamps:
                ray = np.array(lamp, np.float32)[:, None] - points
                squared = (ray**2).sum(0)
                cosine = np.maximum(0, (normals * ray).sum(0)) / np.sqrt(squared)
                visible = self.trace(points, ray)[0] > 0.99
                light += power / len(lamps) * visible * cosine / (0.6 + 0.25 * squared)
        for step in np.ndindex(3, 3, 3):
            direction = np.array(step, np.float32)[:, None] - 1
            if not direction.any():
                continue
            direction /= np.linalg.norm(direction)
            openness = np.minimum(self.trace(points, direction)[0], _OPEN) / _OPEN
            light += 0.075 * openness * np.maximum(0, (direction * normals).sum(0))
        ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]
        parts = np.split(light.astype(np.float32), ends)
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def _pack(self, faces: list[Face], pyramids: list[list[np.ndarray]]) -> None:
        """Lays all levels of all faces end to end; tables [face * depth + level] say where."""
        self._depth = max(map(len, pyramids))
        # The coarsest level stands in where a small face has fewer than the largest.
        table = [
            (pyramid[min(level, len(pyramid) - 1)], min(level, len(pyramid) - 1))
            for pyramid in pyramids
            for level in range(self._depth)
        ]
        sizes = np.array([texels.shape[:2] for texels, _ in table], np.int32)
        self._columns = sizes[:, 1]
        self._start = np.cumsum(np.append(0, sizes.prod(1)))[:-1].astype(np.int32)
        density = self._scale / 2.0 ** np.array([halvings for _, halvings in table])
        # Faces lie along the world's axes, so a texel coordinate, down or right, is one of x, y, z
        # with a gain and a shift; texel centres are at whole numbers.
        self._axes = []
        corner = np.repeat([face.corner for face in faces], self._depth, 0)
        for name, count in (("down", sizes[:, 0]), ("right", sizes[:, 1])):
            unit = np.repeat([getattr(face, name) for face in faces], self._depth, 0)
            gain, shift = unit.sum(1) * density, -(unit * corner).sum(1) * density - 0.5
            floats = (values.astype(np.float32) for values in (gain, shift, count - 1))
            self._axes.append((abs(unit).argmax(1).astype(np.int32), *floats))
        texels = np.vstack([texels.reshape(-1, 3) for texels, _ in table])
        # One word a texel is gathered several times as fast as three bytes.
        self._words = (np.round(texels).astype(np.int32) << _SHIFTS.T).sum(1, dtype=np.int32)

    def trace(
        self, origin: np.ndarray, direction: np.ndarray, boxes: Iterable[int] = _FURNITURE
    ) -> tuple[np.ndarray, np.ndarray]:
        """First surface along each ray.

        Args:
            origin: float32 [3,R], or [3,1] for a shared one, metres; inside the room.
            direction: float32 [3,R] or [3,1], of any length.
            boxes: furniture that rays can meet; what is certainly missed may be left out.

        Returns:
            Distance [R] in lengths of `direction`, and face [R]: 6 * box + 2 * axis + side.
        """
        inverse = 1 / np.where(abs(direction) < 1e-7, np.float32(1e-7), direction)
        walls = np.maximum((self._low[0] - origin) * inverse, (self._high[0] - origin) * inverse)
        forwards = np.broadcast_to(inverse > 0, walls.shape)
        distance = walls.min(0)
        # As argmin would choose, but in a tenth of the time.
        sides = np.array([[0], [2], [4]], np.int8) + forwards
        face = ((walls == distance) * sides).max(0).astype(np.intp)
        for box in boxes:
            low = (self._low[box] - origin) * inverse
            high = (self._high[box] - origin) * inverse
            near = np.minimum(low, high)
            entry = near.max(0)
            leave = np.maximum(low, high).min(0)
            hit = np.flatnonzero((entry <= leave) & (entry > 0) & (entry < distance))
            distance[hit] = entry[hit]
            axis = near[:, hit].argmax(0)
            face[hit] = 6 * box + 2 * axis + ~forwards[axis, hit]
        return distance, face

    def colours(self, points: np.ndarray, face: np.ndarray, footprint: np.ndarray) -> np.ndarray:
        """Texture [3,R] in grey levels at points [3,R] of faces [R], averaged over `footprint` [R].

        Bilinear in the level of the mip pyramid whose texels are nearest in size to the footprint
        (metres).
        """
        level = np.log2(np.maximum(footprint * self._scale, 1)) + np.float32(0.5)
        index = face * self._depth + np.minimum(level.astype(np.int32), self._depth - 1)
        flat, ray = points.ravel(), np.arange(len(face))
        nearer, farther, shares = [], [], []
        for axis, gain, shift, last in self._axes:
            along = flat[axis[index] * len(face) + ray] * gain[index] + shift[index]
            along = np.clip(along, 0, last[index])
            floor = np.floor(along)
            nearer.append(floor.astype(np.int32))
            farther.append(np.ceil(along).astype(np.int32))
            shares.append(along - floor)
        columns = self._columns[index]
        top, bottom = (self._start[index] + row * columns for row in (nearer[0], farther[0]))

        def between(row: np.ndarray) -> np.ndarray:
            left, right = (
                ((self._words[row + column] >> _SHIFTS) & 255).astype(np.float32)
                for column in (nearer[1], farther[1])
            )
            return left + shares[1] * (right - left)

        upper = between(top)
        return upper + shares[0] * (between(bottom) - upper)

    def photograph(self, camera: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """The image float32 [H,W,3], grey levels, that a camera-to-world matrix [4,4] sees.

        Pixels at the outlines of faces are averages of four rays, all others take one.
        """
        width, height = size
        y, x = np.mgrid[:height, :width].astype(np.float32)
        image, face = self._shoot(camera, size, x.ravel(), y.ravel())
        image, face = image.reshape(3, height, width), face.reshape(height, width)
        outline = np.zeros((height, width), bool)
        for a, b in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
            different = face[a] != face[b]
            outline[a] |= different
            outline[b] |= different
        dx, dy = np.array(_EDGE_SAMPLES, np.float32).T
        x, y = (x[outline][:, None] + dx).ravel(), (y[outline][:, None] + dy).ravel()
        samples = self._shoot(camera, size, x, y)[0]
        image[:, outline] = samples.reshape(3, -1, len(_EDGE_SAMPLES)).mean(2)
        return np.ascontiguousarray(np.moveaxis(image, 0, 2))

    def depth(self, camera: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Depth [H,W] along the optical axis in metres, for a camera-to-world matrix [4,4]."""
        width, height = size
        y, x = np.mgrid[:height, :width].astype(np.float32)
        origin, direction = _rays(camera, size, x.ravel(), y.ravel())
        return self.trace(origin, direction)[0].reshape(height, width)

    def _shoot(
        self, camera: np.ndarray, size: tuple[int, int], x: np.ndarray, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Colours [3,R] and faces [R] at pixels (x, y), both [R]."""
        colours, faces = np.empty((3, len(x)), np.float32), np.empty(len(x), np.int64)
        for start in range(0, len(x), _CHUNK):
            part = slice(start, start + _CHUNK)
            origin, direction = _rays(camera, size, x[part], y[part])
            boxes = self._in_view(camera, size, x[part], y[part])
            distance, face = self.trace(origin, direction, boxes)
            # A pixel covers a rectangle that a slanting surface draws out along one side: its
            # middling side blurs neither too much nor too little.
            across = np.take_along_axis(direction, face[None] % 6 // 2, 0)[0]
            slant = abs(across) / np.sqrt((direction**2).sum(0))
            pixel = np.float32(1 / intrinsics(size)[0, 0])
            footprint = distance * pixel / np.sqrt(np.maximum(slant, 0.05))
            colours[:, part] = self.colours(origin + distance * direction, face, footprint)
            faces[part] = face
        return colours, faces

    def _in_view(
        self, camera: np.ndarray, size: tuple[int, int], x: np.ndarray, y: np.ndarray
    ) -> np.ndarray:
        """Furniture that may meet a ray within the bounds of pixels (x, y): [boxes] of indices."""
        corners = [np.where(high, self._high[1:], self._low[1:]) for high in _CORNERS]
        rows = intrinsics(size) @ np.linalg.inv(camera)[:3]
        u, v, depth = np.moveaxis(rows[:, :3] @ np.concatenate(corners, 2) + rows[:, 3:], 1, 0)
        inside = np.stack(  # [side of the bounds, box, corner], also for corners behind the camera
            [
                depth,
                u - x.min() * depth,
                x.max() * depth - u,
                v - y.min() * depth,
                y.max() * depth - v,
            ]
        )
        return 1 + np.flatnonzero((inside >= 0).any(2).all(0))


def _rays(
    camera: np.ndarray, size: tuple[int, int], x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Origin [3,1] and directions [3,R] through pixels (x, y); one step forward is 1 m of depth."""
    pixels = np.stack([x, y, np.ones_like(x)])
    direction = (camera[:3, :3] @ np.linalg.inv(intrinsics(size))).astype(np.float32) @ pixels
    return camera[:3, 3:].astype(np.float32), direction


def _pyramid(texels: np.ndarray) -> list[np.ndarray]:
    """Levels of a texture [H,W,3], each half the one before, down to a side of one texel."""
    levels = [texels]
    while min(levels[-1].shape[:2]) > 1:
        last = levels[-1]
        rows, columns = last.shape[:2]
        last = np.pad(last, ((0, rows % 2), (0, columns % 2), (0, 0)), mode="edge")
        levels.append((last[::2, ::2] + last[1::2, ::2] + last[::2, 1::2] + last[1::2, 1::2]) / 4)
    return levels
