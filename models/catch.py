"""The game of Catch: a ball falls, and a paddle must be there in time."""

from keras import ops

ACTIONS = ("left", "stay", "right")


class CatchGame:
    """The rules, for B games at once. A state is [B, 4]: ball x, ball y, speed, paddle x.

    The screen has `side` columns and rows, numbered from 0 at the top left. The ball falls one row
    a step, from the top row to the bottom one, and goes `speed` columns sideways. Its place is a
    real number, rounded to be drawn; the walls, at the middles of the outermost columns, throw it
    back and turn the speed's sign. The paddle covers columns x and x + 1 of the bottom row.

    Args:
        side: Of the screen, pixels.

    Attributes:
        steps: Actions in a game, T: `side` - 1.

    Raises:
        ValueError: A screen too small for a step.

    Reference: Mnih et al. 2014, section 4.2.
    """

    def __init__(self, side: int = 24):
        if side < 3:
            raise ValueError(f"side must be at least 3, not {side}")
        self.side = side
        self.steps = side - 1

    def start(self, starts):
        """Starts [B, 3] (column, speed in columns a step, at most 1, and paddle x) to states."""
        column, speed, paddle = ops.unstack(starts, axis=-1)
        return ops.stack([column, ops.zeros_like(column), speed, paddle], axis=-1)

    def step(self, state, action):
        """The states after actions [B]: 0 moves the paddle left, 1 leaves it, 2 moves it right."""
        x, y, speed, paddle = ops.unstack(state, axis=-1)
        wall = self.side - 1.0
        moved = x + speed
        # What is beyond a wall comes back as far as it went beyond.
        inside = wall - ops.abs(wall - ops.abs(moved))
        speed = ops.where((moved < 0) | (moved > wall), -speed, speed)
        paddle = ops.clip(paddle + ops.cast(action, paddle.dtype) - 1.0, 0.0, self.side - 2.0)
        return ops.stack([inside, y + 1.0, speed, paddle], axis=-1)

    def render(self, state):
        """The screens [B, side, side, 1], 1 where ball or paddle are, 0 elsewhere."""
        x, y, _, paddle = ops.unstack(state, axis=-1)
        columns = ops.arange(self.side, dtype="float32")
        ball = (y[:, None] == columns)[:, :, None] & (column(x)[:, None] == columns)[:, None]
        reach = columns - paddle[:, None]
        covered = ((reach == 0) | (reach == 1))[:, None]
        bottom = (columns == self.side - 1)[None, :, None]
        return ops.cast(ball | (covered & bottom), "float32")[..., None]

    def caught(self, state):
        """1 where the ball is on the paddle, 0 elsewhere, [B] float32."""
        x, y, _, paddle = ops.unstack(state, axis=-1)
        reach = column(x) - paddle
        caught = (y == self.side - 1) & ((reach == 0) | (reach == 1))
        return ops.cast(caught, "float32")


def column(x):
    """The column that a ball at `x` is drawn in; halves go right."""
    return ops.floor(x + 0.5)
