"""One HTML file that holds everything it shows: no scripts, no links to anything outside."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 46rem; padding: 1.25rem 1rem 4rem; background: #fff;
  color: #20242a; font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0.5rem 0 0.25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.75rem 0 0.5rem; padding-top: 0.75rem;
  border-top: 1px solid #d5d9df; }
p { margin: 0.4rem 0; }
.lead { color: #6b7280; overflow-wrap: anywhere; }
.facts { display: flex; flex-wrap: wrap; gap: 0.5rem 2.5rem; margin: 1.5rem 0 0.5rem; padding: 0; }
.facts div { display: flex; flex-direction: column-reverse; }
.facts dt { color: #6b7280; font-size: 0.85rem; }
.facts dd { margin: 0; font-size: 1.9rem; font-weight: 650; line-height: 1.2; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.92rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.3rem 1.1rem 0.3rem 0; border-bottom: 1px solid #e8ebef; text-align: right;
  vertical-align: top; }
th { font-weight: 600; }
tr > :first-child { text-align: left; font-weight: 400; }
td.best { font-weight: 700; }
table.plain td { text-align: left; overflow-wrap: anywhere; }
table.plain td:first-child { color: #6b7280; white-space: nowrap; }
figure { margin: 0.75rem 0 1.5rem; }
figure img { display: block; width: 100%; min-width: 32rem; height: auto; }
figcaption { color: #4b5563; font-size: 0.88rem; margin-top: 0.4rem; }
@media print { h2 { break-after: avoid; } figure { break-inside: avoid; } }
</style>
</head>
<body>
$body
</body>
</html>
""")


@dataclass
class Page:
    """A page under construction. Every text is escaped here, so callers pass it as it is.

    Attributes:
        title: Title of the page and its first heading.
    """

    title: str
    _parts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._parts.append(f"<h1>{escape(self.title)}</h1>")

    def heading(self, text: str) -> None:
        """Opens a section."""
        self._parts.append(f"<h2>{escape(text)}</h2>")

    def paragraph(self, text: str, *, lead: bool = False) -> None:
        """Adds a paragraph; a lead is set more quietly, under the title."""
        kind = ' class="lead"' if lead else ""
        self._parts.append(f"<p{kind}>{escape(text)}</p>")

    def facts(self, facts: Iterable[tuple[str, str]]) -> None:
        """Adds the few numbers that matter most, as pairs of name and value."""
        items = (f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in facts)
        self._parts.append(f'<dl class="facts">{"".join(items)}</dl>')

    def table(
        self,
        rows: Iterable[Sequence[str]],
        *,
        header: Sequence[str] | None = None,
        best: Iterable[int | None] = (),
    ) -> None:
        """Adds a table.

        Args:
            rows: The cells of each row, the first of which names it.
            header: The cells of the heading row; without one, cells are set as plain text.
            best: For each row the index of the cell to stress, or None.
        """
        lines = []
        if header:
            cells = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
            lines.append(f"<thead><tr>{cells}</tr></thead>")
        stressed = list(best)
        for number, row in enumerate(rows):
            mark = stressed[number] if number < len(stressed) else None
            kinds = [' class="best"' if index == mark else "" for index in range(len(row))]
            cells = "".join(
                f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)
            )
            lines.append(f"<tr>{cells}</tr>")
        kind = "" if header else ' class="plain"'
        self._parts.append(f'<div class="scroll"><table{kind}>{"".join(lines)}</table></div>')

    def figure(self, image: Path, alt: str, caption: str, *, width: float | None = None) -> None:
        """Adds a PNG or GIF file, inline, with a caption.

        Args:
            image: The file.
            alt: What the picture is, in a few words, for readers who do not see it.
            caption: What it shows and how to read it.
            width: What it needs at the least to be read, in rem; where the page is narrower, the
                picture scrolls. None takes that of an ordinary figure.
        """
        least = f' style="min-width: {width:g}rem"' if width else ""
        kind = image.suffix.removeprefix(".")
        data = base64.b64encode(image.read_bytes()).decode("ascii")
        self._parts.append(
            f'<figure><div class="scroll"><img src="data:image/{kind};base64,{data}" '
            f'alt="{escape(alt)}"{least}></div><figcaption>{escape(caption)}</figcaption></figure>'
        )

    def html(self) -> str:
        """The whole page."""
        return _PAGE.substitute(title=escape(self.title), body="\n".join(self._parts))
