"""The chart of the throughput benchmark is sound SVG, and its bars are in proportion."""

from xml.etree import ElementTree

from tests.benchmarks.throughput_cases import FAUST, OURS, QUIX
from tests.benchmarks.throughput_chart import COLORS, draw
from tests.benchmarks.throughput_figures import Row, Sample

SVG = "{http://www.w3.org/2000/svg}"
ROWS = (
    Row("consume", "consume <values> & more", {FAUST: Sample(10_000, 80, 60), OURS: Sample(400_000, 2, 90)}),
    Row("table", "table", {FAUST: Sample(1, 80, 60), QUIX: Sample(50_000, 9, 99), OURS: Sample(200_000, 5, 90)}),
)


def bars(color: str) -> list[float]:
    """Widths of the bars of a colour, without the legend's."""
    root = ElementTree.fromstring(draw(ROWS, "caption"))
    found = [rect for rect in root.iter(f"{SVG}rect") if rect.get("fill") == color]
    return [float(rect.get("width") or 0) for rect in found[1:]]


def texts() -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(draw(ROWS, "caption")).iter(f"{SVG}text")]


def test_bars_are_in_proportion() -> None:
    (longest, half), (tenth, least) = bars(COLORS[OURS]), bars(COLORS[FAUST])
    assert half == longest / 2
    assert tenth == longest / 40
    assert least == 1.0


def test_rates_ratio_and_titles_can_be_read() -> None:
    assert {"consume <values> & more", "400,000 (40.0x Faust)", "50,000", "caption"} <= set(texts())


def test_who_was_not_measured_is_not_in_the_legend() -> None:
    assert "aiokafka + orjson" not in texts()


def test_nothing_measured_is_an_empty_chart() -> None:
    ElementTree.fromstring(draw((), "nothing"))
