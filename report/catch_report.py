"""The report of a network that plays Catch: games, figures and tables in one HTML file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from errors import UserError
from report import sections, style
from report.glimpse_figures import glimpse_start
from report.glimpse_maps import heat_figure
from report.page import Page
from report.rollout_gif import write_games
from report.run_files import SplitResults, read_arrays, read_json

SHOWN = 4  # games in the moving picture
PARTS = 3  # of the games' steps
SIGHT = "#12b5a5"  # is seen on the heat map's colours and on white
SPEEDS = (0.0, 1 / 3, 2 / 3, np.inf)  # columns a step: bounds of slow, middle and fast


@dataclass(frozen=True)
class Games:
    """N games of Catch on a screen of T + 1 pixels: the arrays of games.npz.

    Attributes:
        states: [N, T + 1, 4] ball x and y, its speed, the left column of the paddle, in pixels.
        locations: [N, T, 2] (x, y) of each glimpse, in [-1, 1].
        actions: [N, T] 0 left, 1 stay, 2 right.
        caught: [N] 1 where the ball was caught, 0 elsewhere.
        glimpse_size: Side of a glimpse, pixels.
        scales: Patches in a glimpse.
    """

    states: np.ndarray
    locations: np.ndarray
    actions: np.ndarray
    caught: np.ndarray
    glimpse_size: int
    scales: int


def write_report(run_path: Path, split: str) -> Path:
    """Writes `<split>/figures/` and `<split>/report.html` from the files of a finished run.

    Args:
        run_path: The run folder.
        split: Name of the split, e.g. `test`.

    Returns:
        Path of report.html.

    Raises:
        UserError: If a file is missing or broken.
    """
    results, games = read_run(Path(run_path), split)
    page = Page("Catch")
    _add_summary(page, results, games)
    _add_games(page, results, games)
    _add_looks(page, results, games)
    return sections.finish(
        page,
        results,
        "In training the player draws its actions and places by chance, in validation it takes the "
        "most likely ones, in games that it never trains on.",
    )


def read_run(path: Path, split: str) -> tuple[SplitResults, Games]:
    """Reads config.json, and metrics.json and games.npz of the split.

    Raises:
        UserError: If one is missing or broken, or the arrays differ in their number of games.
    """
    folder = path / split
    remedy = f"run eval.py --run_dir={path} --split={split}"
    config = read_json(path / "config.json", "name the folder of a run of train.py")
    metrics = read_json(folder / "metrics.json", remedy)
    file = folder / "games.npz"
    arrays = read_arrays(file, remedy)
    if not arrays:
        raise UserError(f"{file} is missing; {remedy} first")
    names = Games.__annotations__
    if missing := names.keys() - arrays.keys():
        raise UserError(f"{file} lacks {', '.join(sorted(missing))}; {remedy} again")
    games = Games(**{name: arrays[name] for name in names})
    count, steps = games.locations.shape[:2]
    if not count or games.states.shape != (count, steps + 1, 4) or len(games.caught) != count:
        raise UserError(f"the arrays of {file} do not fit each other; {remedy} again")
    # A game has no row of predictions and chooses no layer.
    results = SplitResults(path, split, config, metrics, None, {}, [], None, None)
    return results, games


def choose_games(caught: np.ndarray) -> list[int]:
    """The games that are shown: the first ones, the last of them a miss if there is any.

    Args:
        caught: [N].
    """
    shown = list(range(min(SHOWN, len(caught))))
    missed = np.flatnonzero(~caught.astype(bool))
    if len(missed) and missed[0] not in shown:
        shown[-1] = int(missed[0])
    return shown


def in_sight(games: Games) -> np.ndarray:
    """[N, T] whether the ball is in the finest patch of the glimpse."""
    side, size = games.states.shape[1], int(games.glimpse_size)
    ball = balls(games) - glimpse_start(games.locations, side, size)
    return ((ball >= 0) & (ball < size)).all(axis=-1)


def balls(games: Games) -> np.ndarray:
    """Column and row [N, T, 2] that the ball is drawn in when each glimpse is taken."""
    x, y = np.moveaxis(games.states[:, :-1, :2], -1, 0)
    return np.stack([np.floor(x + 0.5), y], axis=-1)


def offsets(games: Games) -> np.ndarray:
    """From the middle of the ball's pixel to each glimpse, [N, T, 2]: pixels right and down."""
    side = games.states.shape[1]
    return (games.locations + 1) * side / 2 - (balls(games) + 0.5)


def offset_figure(games: Games) -> Figure:
    """Draws where the glimpses go as seen from the ball, early, midway and late in the games."""
    side, size = games.states.shape[1], int(games.glimpse_size)
    edges = np.arange(-side, side + 2) - 0.5  # a cell is a pixel, the ball's own in the middle
    parts = np.array_split(offsets(games), PARTS, axis=1)
    shares, titles, first = [], [], 1
    for part in parts:
        counts = np.histogram2d(*part.reshape(-1, 2).T[::-1], bins=(edges, edges))[0]
        shares.append(counts / max(counts.sum(), 1))
        titles.append(f"steps {first} to {first + part.shape[1] - 1}")
        first += part.shape[1]
    figure = heat_figure(
        np.stack(shares),
        (edges[0], edges[-1]),
        titles,
        ("right of the ball (pixels)", "below the ball (pixels)"),
        "glimpses in a cell",
    )
    for axes in figure.axes[:PARTS]:
        look = {"fill": False, "edgecolor": SIGHT, "linewidth": 1.6}
        axes.add_patch(Rectangle((-size / 2, -size / 2), size, size, **look))
    return figure


def speed_rows(games: Games) -> list[list[str]]:
    """Rows of the table of ball speeds: name, share caught, games."""
    speed = np.abs(games.states[:, 0, 2])
    rows = []
    for name, low, high in zip(("slow", "middle", "fast"), SPEEDS, SPEEDS[1:], strict=False):
        here = (speed >= low) & (speed < high)
        bounds = f"below {high:.2f}" if high < np.inf else f"{low:.2f} or more"
        share = f"{games.caught[here].mean():.1%}" if here.any() else "-"
        rows.append([f"{name} ({bounds} columns a step)", share, f"{here.sum():,}"])
    return rows


def _add_summary(page: Page, results: SplitResults, games: Games) -> None:
    steps, size = games.locations.shape[1], int(games.glimpse_size)
    page.paragraph(
        f"{sections.model_name(results)}: {steps} steps, at each a glimpse of {size} x {size} "
        f"pixels at {int(games.scales)} scales. {results.split} split.",
        lead=True,
    )
    page.facts(
        [
            ("games caught", f"{games.caught.mean():.1%}"),
            ("games", f"{len(games.caught):,}"),
            ("glimpses with the ball at the finest scale", f"{in_sight(games).mean():.1%}"),
        ]
    )
    if results.metrics.get("baselines"):
        sections.add_metrics(page, results, _metric_rows)
    page.paragraph(
        "A ball falls from the top row, sideways at a speed of its own, and is thrown back by the "
        "walls; the player moves the paddle by a column a step, or not, and is told at the end "
        "whether it caught the ball. It sees nothing of the screen but its glimpses."
    )
    page.table(speed_rows(games), header=["sideways speed of the ball", "caught", "games"])


def _metric_rows(predictors: list[dict]) -> tuple[list[list[str]], list[int | None]]:
    shares = [row.get("caught") for row in predictors]
    texts = ["-" if share is None else f"{share:.1%}" for share in shares]
    return [["games caught", *texts]], [sections.best_column(shares, sign=-1)]


def _add_games(page: Page, results: SplitResults, games: Games) -> None:
    shown = choose_games(games.caught)
    page.heading("How it plays")
    page.figure(
        write_games(
            results.figures / "games.gif",
            games.states[shown],
            games.locations[shown],
            games.caught[shown],
            int(games.glimpse_size),
            int(games.scales),
        ),
        "Games side by side",
        f"The first {len(shown)} games of the split; if it caught them all, the last one shown is "
        "instead the first that it missed. Above, the screen with the glimpse, a square for each "
        "scale; below, what the glimpse gives the player, the centre sharp and the rest coarse "
        "(blue: out of sight).",
    )


def _add_looks(page: Page, results: SplitResults, games: Games) -> None:
    page.heading("Where it looks")
    page.figure(
        style.save(offset_figure(games), results.figures / "offsets.png"),
        "Glimpses as seen from the ball",
        "The place of the glimpses relative to the ball, which is at the centre, early, midway "
        "and late in the games: the share of glimpses in each cell of a pixel, on one "
        "logarithmic scale. In the square, the ball is seen at the finest scale.",
    )
