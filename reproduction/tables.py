"""A table as Markdown and as CSV, published values beside ours."""

import csv
import io
from collections.abc import Sequence

from reproduction.arithmetic import Value, average, spread
from reproduction.definitions import Row, Table
from reproduction.results import POSE_MEASURES, Cell, Cells, contradictions, improvements

DASH = "-"
POSE_FORMATS = ((3, " m"), (2, "°"))  # decimals and unit of both errors of ours
DETAILS = {
    "mean_position_m": ("mean position", "{:.3f} m"),
    "mean_orientation_deg": ("mean orientation", "{:.2f}°"),
    "within_0.1m_5deg_percent": ("within 0.1 m, 5°", "{:.0f} %"),
    "accuracy_percent": ("accuracy", "{:.1f} %"),
    "gflop_per_image": ("GFLOP an image", "{:.3f}"),
    "training_minutes": ("training", "{:.1f} min"),
}
CSV_COLUMNS = (
    "table", "row", "column", "measure", "published", "ours", "spread", "seeds", "problem", "runs",
)  # fmt: skip


def markdown(table: Table, rows: Sequence[Row], cells: Cells, seeds: int) -> str:
    """The table itself, and notes below.

    Several rows: for each a line with the published values and one with ours. One row: a line for
    each method.
    """
    write = _by_method if len(rows) == 1 else _by_row
    lines = write(table, rows, cells, seeds)
    notes = [*table.notes, *(f"As printed: {text}." for text in contradictions(table))]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)]).rstrip() + "\n"


def _by_row(table: Table, rows: Sequence[Row], cells: Cells, seeds: int) -> list[str]:
    titles = [column.title for column in table.columns]
    change = table.improvement
    header = ["", "", *titles, *([f"{change.ours} over {change.theirs}"] if change else [])]
    lines = [_line(header), "|" + "---|" * len(header)]
    for row in rows:
        of_row = [cells[row.title, title] for title in titles]
        published = [published_text(cell.published, table.single[1]) for cell in of_row]
        measured = [ours_text(cell, seeds, table.single[1]) for cell in of_row]
        if change:
            computed, ours, count = improvements(table, row, cells)
            published.append(improvement_text(computed))
            measured.append(improvement_text(ours, count, seeds))
        lines += [_line([row.title, "published", *published]), _line(["", "ours", *measured])]
    return lines


def _by_method(table: Table, rows: Sequence[Row], cells: Cells, seeds: int) -> list[str]:
    row = rows[0]
    of_row = {column.title: cells[row.title, column.title] for column in table.columns}
    measured = {
        name for cell in of_row.values() for found in cell.details.values() for name in found
    }
    details = [name for name in DETAILS if name in measured and table.own]
    header = [row.title, *([] if table.own else ["published"]), "ours"]
    header += [DETAILS[name][0] for name in details]
    lines = [_line(header), "|" + "---|" * len(header)]
    for title, cell in of_row.items():
        line = [title, *([] if table.own else [published_text(cell.published, table.single[1])])]
        line.append(ours_text(cell, seeds, table.single[1]))
        lines.append(_line(line + [_detail(cell, name) for name in details]))
    if table.improvement:
        change = table.improvement
        computed, ours, count = improvements(table, row, cells)
        title = f"{change.ours} over {change.theirs}"
        texts = (improvement_text(computed), improvement_text(ours, count, seeds))
        lines.append(_line([title, *texts]))
    return lines


def to_csv(table: Table, rows: Sequence[Row], cells: Cells) -> str:
    """One line for each measure of each cell."""
    file = io.StringIO()
    writer = csv.DictWriter(file, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        for column in table.columns:
            cell = cells[row.title, column.title]
            shared = {
                "table": table.name, "row": row.title, "column": column.title,
                "problem": cell.problem, "runs": " ".join(run.path.name for run in cell.runs),
            }  # fmt: skip
            writer.writerows(shared | measure for measure in _measures(table, cell))
        if table.improvement:
            title = f"{table.improvement.ours} over {table.improvement.theirs}"
            shared = {"table": table.name, "row": row.title, "column": title}
            *pair, count = improvements(table, row, cells)
            for index, name in enumerate(_names(table, pair[0] or pair[1] or ())):
                named = zip(("published", "ours"), pair, strict=True)
                found = {key: f"{value[index]:.4g}" for key, value in named if value}
                found |= {"measure": f"{name}_improvement", "seeds": str(count)}
                writer.writerow(shared | found)
    return file.getvalue()


def published_text(value: Value | None, decimals: int = 1) -> str:
    """As it is printed: `0.90 m, 3.70°`, `73.7 %`; `decimals` are those of a percentage."""
    if value is None:
        return DASH
    if len(value) == 1:
        return f"{value[0]:.{decimals}f} %"
    metres, degrees = (f"{x:.2f}" if x < 10 else f"{x:.1f}" for x in value)
    return f"{metres} m, {degrees}°"


def ours_text(cell: Cell, seeds: int, decimals: int = 1) -> str:
    """Mean and spread, with the number of seeds where some are missing; or why there is none."""
    mean, deviation = cell.mean, cell.spread
    problem = cell.problem.replace("|", "\\|").replace("\n", " ")
    if mean is None:
        return problem or DASH
    texts = []
    formats = POSE_FORMATS if len(mean) > 1 else ((decimals, " %"),)
    for index, (digits, unit) in enumerate(formats):
        around = f" ± {deviation[index]:.{digits}f}" if deviation else ""
        texts.append(f"{mean[index]:.{digits}f}{around}{unit}")
    partial = f" (n = {len(cell.ours)}; {problem})" if len(cell.ours) < seeds and problem else ""
    return ", ".join(texts) + partial


def improvement_text(value: Value | None, count: int = 0, seeds: int = 0) -> str:
    """`+9.1 %, -1.4 %` of errors, `+3.4 points` of an accuracy; `count` is told if it is less."""
    if value is None:
        return DASH
    partial = f" (n = {count})" if count < seeds else ""
    if len(value) == 1:
        return f"{value[0]:+.1f} points{partial}"
    return ", ".join(f"{x:+.1f} %" for x in value) + partial


def _detail(cell: Cell, name: str) -> str:
    values = [found[name] for found in cell.details.values() if name in found]
    return DETAILS[name][1].format(sum(values) / len(values)) if values else DASH


def _measures(table: Table, cell: Cell) -> list[dict[str, str]]:
    found = []
    mean, deviation, count = cell.mean, cell.spread, len(cell.ours)
    for index, name in enumerate(_names(table, mean or cell.published or ())):
        found.append(
            {
                "measure": name,
                "published": f"{cell.published[index]:.4g}" if cell.published else "",
                "ours": f"{mean[index]:.6g}" if mean else "",
                "spread": f"{deviation[index]:.3g}" if deviation else "",
                "seeds": str(count),
            }
        )
    for name in DETAILS:
        values = [(details[name],) for details in cell.details.values() if name in details]
        if values:
            around = spread(values)
            found.append(
                {
                    "measure": name,
                    "ours": f"{average(values)[0]:.6g}",
                    "spread": f"{around[0]:.3g}" if around else "",
                    "seeds": str(len(values)),
                }
            )
    return found or [{"seeds": "0"}]


def _names(table: Table, value: Value) -> tuple[str, ...]:
    return POSE_MEASURES if len(value) > 1 else table.single[:1][: len(value)]


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"
