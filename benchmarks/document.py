"""What was measured, as a CSV and as Markdown."""

import csv
import platform
import shlex
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from benchmarks.cases import Group
from benchmarks.rounds import ratio
from benchmarks.settings import Settings

PACKAGES = ("tensorflow", "keras", "torch")
Measured = tuple[Group, dict[str, list[float]], dict[str, str]]


def write_results(folder: Path, settings: Settings, measured: list[Measured]) -> Path:
    """Writes benchmarks.csv, a row for each case and round, and benchmarks.md; returns the latter.

    Args:
        folder: Made if need be.
        settings: Of the run.
        measured: Groups, with what `benchmarks.rounds.measure` returned for each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "benchmarks.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["group", "case", "round", "rate", "unit"])
        for group, rates, _ in measured:
            units = {case.name: case.unit for case in group.cases}
            for name, values in rates.items():
                for turn, rate in enumerate(values):
                    writer.writerow([group.name, name, turn, f"{rate:.4g}", f"{units[name]}/s"])
    path = folder / "benchmarks.md"
    path.write_text("\n".join(_document(settings, measured)) + "\n")
    return path


def _document(settings: Settings, measured: list[Measured]) -> list[str]:
    lines = [
        f"`{shlex.join(['python', '-m', 'benchmarks.run', *sys.argv[1:]])}`",
        "",
        f"{settings.side} x {settings.side} pixels, training batches of {settings.batch}, "
        f"T = {settings.steps}; {_machine()}. Medians over rounds in which the cases of a group "
        "take turns; a ratio is the median of its rounds' ratios.",
    ]
    for group, rates, failures in measured:
        lines += [
            "",
            f"## {group.name}",
            "",
            "| | a second | slowest and fastest round |",
            *["|---" * 3 + "|"],
        ]
        for case in group.cases:
            if case.name in rates:
                values = rates[case.name]
                low, high = min(values), max(values)
                lines.append(
                    f"| {case.name} | {median(values):.1f} {case.unit} | {low:.1f} to {high:.1f} |"
                )
            elif case.name in failures:
                lines.append(f"| {case.name} | not measured: {failures[case.name]} | |")
        lines += _ratios(group, rates)
    return lines


def _ratios(group: Group, rates: dict[str, list[float]]) -> list[str]:
    rows = []
    for wanted in group.ratios:
        found = ratio(wanted, rates)
        if found:
            aim = f"{wanted.wanted:.2f}" if wanted.wanted else ""
            other = f" ({found[1]})" if len(wanted.slow) > 1 else ""
            rows.append(f"| {wanted.title}{other} | {found[0]:.2f} | {aim} |")
    return ["", "| times as fast | measured | aim |", "|---|---|---|", *rows] if rows else []


def _machine() -> str:
    names = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            names.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return f"{_processor()}, {', '.join(names)}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} threads of {models[0]}" if models else platform.machine()
