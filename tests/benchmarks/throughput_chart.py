"""Draws the rates as horizontal bars in SVG, readable on white and on dark ground; measures nothing."""

from collections.abc import Sequence
from html import escape

from tests.benchmarks.throughput_cases import FAUST, NAMES, OURS, QUIX, RAW
from tests.benchmarks.throughput_figures import Row

COLORS = {FAUST: "#8b949e", QUIX: "#d29922", RAW: "#4c8eda", OURS: "#2da44e"}
WIDTH = 860
LEFT = 190
RIGHT = 150
BAR = 13
GAP = 12
TOP = 44
STYLE = (
    "text{font:12px -apple-system,Segoe UI,Helvetica,Arial,sans-serif;fill:#57606a}.title{font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#adbac7}}"
)


def draw(rows: Sequence[Row], caption: str) -> str:
    """The chart as an SVG document; bars are in proportion, each with its rate beside it.

    Args:
        rows: cases from top to bottom.
        caption: a line at the bottom.
    """
    most = max((each.rate for row in rows for each in row.figures.values()), default=1.0)
    parts, y = [_legend(rows)], TOP
    for row in rows:
        parts.append(_group(row, y, most))
        y += len(row.figures) * (BAR + 2) + GAP
    parts.append(_text(8, y + 10, caption))
    height = y + 22
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' role="img" aria-label="Records a second by case and contender">'
    )
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


def _group(row: Row, y: int, most: float) -> str:
    """The bars of a case, in the order in which contenders are listed everywhere."""
    names = [name for name in COLORS if name in row.figures]
    middle = y + len(names) * (BAR + 2) / 2 + 4
    parts = [_text(LEFT - 10, middle, row.title, 'class="title" text-anchor="end"')]
    for place, name in enumerate(names):
        parts.append(_bar(y + place * (BAR + 2), name, row.figures[name].rate, most, _note(row, name)))
    return "\n".join(parts)


def _bar(y: int, name: str, rate: float, most: float, note: str) -> str:
    length = max(1.0, rate / most * (WIDTH - LEFT - RIGHT))
    bar = f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{COLORS[name]}"/>'
    return bar + _text(LEFT + length + 6, y + BAR - 2, f"{rate:,.0f}{note}")


def _note(row: Row, name: str) -> str:
    ratio = row.ratio(FAUST) if name == OURS else None
    return f" ({ratio:.1f}x Faust)" if ratio is not None else ""


def _legend(rows: Sequence[Row]) -> str:
    parts, x = [_text(8, 20, "records/s", 'class="title"')], LEFT
    for name, color in COLORS.items():
        if any(name in row.figures for row in rows):
            parts.append(f'<rect x="{x}" y="10" width="{BAR}" height="{BAR}" rx="2" fill="{color}"/>')
            parts.append(_text(x + BAR + 5, 20, NAMES[name]))
            x += 150
    return "\n".join(parts)


def _text(x: float, y: float, text: str, attributes: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {attributes}>{escape(text)}</text>'
