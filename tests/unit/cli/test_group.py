"""`framework group ...` without a broker: its arguments, its table, its documents, its sentences."""

import io
import re

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner, Result

from framework.cli.group import app
from framework.cli.group_describe import document, ranges, table_of
from framework.cli.group_remove import Removal, sentence
from framework.cli.group_remove import document as removal_document
from framework.cli.group_wait import Wish, missing
from framework.errors import AppNotFoundError, BrokerUnavailableError
from framework.exit_codes import ExitCode
from framework.membership.group import Group, Member
from framework.membership.offsets import Lag, Partition
from framework.membership.overview import Overview, overview
from framework.membership.roster import Wanted
from framework.membership.roster_records import WANTED_KEY, encode_wanted
from framework.membership.verdict import Holder
from framework.states import SeatState
from tests.unit.membership.fake_roster import FakeRoster, entry_of

pytestmark = pytest.mark.usefixtures("no_broker")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["describe"], "name the app"),
        (["describe", "apps.x:app", "--group", "g"], "leave MODULE:APP out"),
        (["describe", "--group", ""], "not empty"),
        (["remove", "w-0"], "give MODULE:APP and SEAT"),
        (["remove", "--group", "g", "apps.x:app", "w-0"], "give only SEAT"),
        (["remove"], "Missing argument"),
        (["wait", "--group", "g"], "--stable, --seats N, or both"),
        (["wait", "--group", "g", "--seats", "-1"], "--seats"),
    ],
)
def test_wrong_arguments(arguments: list[str], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert says in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    "arguments", [["describe"], ["describe", "--watch", "--json"], ["remove", "w-0"], ["wait", "--stable"]]
)
def test_no_broker(arguments: list[str]) -> None:
    result = run(*arguments, "--group", "g")
    assert isinstance(result.exception, BrokerUnavailableError)
    assert "127.0.0.1:1" in str(result.exception)


@pytest.mark.parametrize("arguments", [["describe", "nosuch:app"], ["remove", "nosuch:app", "w-0"]])
def test_no_app(arguments: list[str]) -> None:
    assert isinstance(run(*arguments).exception, AppNotFoundError)


def some_group() -> Overview:
    roster = FakeRoster()
    for seat in ("w-0", "w-1", "w-2"):
        roster.write(entry_of(seat, generation_id=6, member_id=f"{seat}-m"))
    roster.write(entry_of("w-3", state=SeatState.STOPPED))
    roster.view.apply(WANTED_KEY, encode_wanted(Wanted(2, frozenset({"w-2"}))), roster.now, 0)
    roster.now += 12.0
    roster.write(entry_of("w-0", generation_id=6, member_id="w-0-m"))
    roster.write(entry_of("w-2", generation_id=6, member_id="w-2-m", state=SeatState.STOPPING, reason="scaled down"))
    topics = frozenset({"t"})
    group = Group(
        "flights",
        "Stable",
        (
            Member("w-0-m", "w-0", "w-0", "/h", {"t": (0, 1, 2)}, topics),
            Member("w-1-m", "w-1", "w-1", "/h", {"t": (3,)}, topics),
            Member("w-2-m", "w-2", "w-2", "/h", {}, topics),
            Member("guest-m", None, "guest", "/10.0.0.9", {"t": (5,)}, topics),
        ),
    )
    lags = {Partition("t", number): Lag(10, 1010) for number in range(6)}
    return overview(group, roster.view, lags, roster.now)


def shown(what: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=160, highlight=False, markup=False).print(what)
    return out.getvalue()


def test_table() -> None:
    text = shown(table_of(some_group()))
    assert text.startswith("Group flights: Stable, 3 seats, 1 dynamic member, generation 6, lag 6,000\n")
    # Two spaces or more stand between two cells.
    rows = {cells[0]: cells[1:] for line in text.splitlines() if (cells := re.split(r"\s{2,}", line.strip()))}
    assert rows["w-0"] == ["box, 4711", "running, 0.0 s ago", "t 0-2", "3,000"]
    assert rows["w-1"][1].startswith("running, silent, 12.0 s ago")
    assert rows["w-2"][1:] == ["stopping, 0.0 s ago", "-", "-"]
    assert rows["w-3"][1].startswith("stopped, not in the group")
    assert rows["(none)"] == ["10.0.0.9", "-", "t 5", "1,000"]
    assert "Wanted: 2 workers; to be left now: w-2." in text
    assert "Nobody has t[4]." in text


def test_document() -> None:
    found = document(some_group())
    assert (found["group_id"], found["state"], found["generation_id"], found["lag"]) == ("flights", "Stable", 6, 6000)
    assert found["wanted"] == {"count": 2, "surplus": ["w-2"]}
    assert found["unowned"] == [{"topic": "t", "partition": 4}]
    first = found["seats"][0]  # type: ignore[index]
    assert (first["group_instance_id"], first["state"], first["is_live"]) == ("w-0", "running", True)
    assert first["assignment"] == {"t": [0, 1, 2]}
    last = found["seats"][-1]  # type: ignore[index]
    assert (last["group_instance_id"], last["state"], last["generation_id"]) == (None, None, None)


@pytest.mark.parametrize(
    ("numbers", "text"), [((), ""), ((3,), "3"), ((2, 0, 1), "0-2"), ((0, 1, 3, 5, 6), "0-1,3,5-6")]
)
def test_ranges(numbers: tuple[int, ...], text: str) -> None:
    assert ranges(numbers) == text


@pytest.mark.parametrize(
    ("wish", "state", "lacks"),
    [
        (Wish(True, 2), "Stable", ()),
        (Wish(False, 2), "CompletingRebalance", ()),
        (Wish(True, None), "Empty", ("the group is Empty, not Stable",)),
        (Wish(True, None), "Dead", ("the group does not exist",)),
        (Wish(True, 3), "Stable", ("it has 2 of 3 seats (w-2, w-10)",)),
    ],
)
def test_what_a_wait_misses(wish: Wish, state: str, lacks: tuple[str, ...]) -> None:
    members = tuple(Member(seat, seat, seat, "/h") for seat in ("w-10", "w-2"))
    assert missing(Group("g", state, members), wish) == lacks


HOLDER = Holder("w-1-m", "w-1@box#1700000000000-a", "box", 12, 1_700_000_000_000)


def test_what_became_of_a_seat() -> None:
    assert sentence(Removal("g", "w-1", HOLDER, removed=True, forgotten=True)) == (
        "Seat 'w-1' is removed from group 'g', which gives its partitions to the others now."
        " Its entry in the roster is deleted."
    )
    kept = Removal("g", "w-1", HOLDER, removed=True, forgotten=False, problem="no right.")
    assert sentence(kept).endswith("Its entry in the roster stays: no right.")
    gone = Removal("g", "w-1", HOLDER, removed=False, forgotten=True)
    assert sentence(gone).startswith("Nobody was in seat 'w-1'")
    assert removal_document(gone)["holder"] == {
        "client_id": HOLDER.client_id,
        "host": "box",
        "pid": 12,
        "start_ms": 1_700_000_000_000,
    }
