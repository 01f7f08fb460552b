"""`framework standby drill` over a fake roster: when it refuses, and what it measures."""

import asyncio
from collections.abc import Callable

import pytest

from framework.cli.standby_drill import Drilled, document, rehearse, sentence
from framework.errors import CheckFailedError, SeatNotFoundError
from framework.membership.roster import Order, OrderKind, Takeover
from framework.states import ShadowState
from tests.unit.cli.fake_tools import FakeTools
from tests.unit.membership.fake_standby import client_id, owner_of, promoted, standby_of


@pytest.fixture
def fake() -> FakeTools:
    fake = FakeTools()
    fake.scene.speak()
    fake.obey = mortal(fake)
    return fake


def mortal(fake: FakeTools, took: float | None = 0.5) -> Callable[[Order], None]:
    """The owner dies after 0.2 s, its shadow runs 4 s later, and tells after another second how long that took."""

    def obey(order: Order) -> None:
        assert (order.seat, order.kind, order.owner) == ("w-0", OrderKind.DRILL, client_id("w-0", 0))
        write, takeover = fake.scene.write, Takeover("drill", order.owner, 3.25, took)
        last = owner_of("w-0", 0, reason="drill", uncommitted=12)
        fake.later(0.2, lambda: write(last))
        fake.later(4.2, lambda: write(promoted("w-0", 10, "s-0", member_id="new", takeover=takeover)))
        told = promoted("w-0", 10, "s-0", "drill", member_id="new")
        fake.later(5.2, lambda: write(told))

    return obey


def drill(fake: FakeTools, seat: str = "w-0", timeout: float = 10.0) -> Drilled:
    return asyncio.run(rehearse(fake.tools(), seat, timeout, fake.told.append))


@pytest.mark.parametrize("took", [0.5, None])
def test_takeover_is_measured(fake: FakeTools, took: float | None) -> None:
    fake.obey = mortal(fake, took)
    done = drill(fake)
    assert (done.detection, done.takeover, done.standstill, done.duplicates) == (3.25, 0.5, 4.0, 12)
    assert sentence(done) == (
        "Seat w-0: w-0@box-0 died, w-0@box-10 (s-0) took over.\n"
        "Detection 3.25 s, takeover 0.50 s, it stood still for 4.00 s.\n"
        "Records that may have been processed twice: 12 at most."
    )
    found = document("flights", "w-0", done)
    assert (found["complete"], found["detection"], found["takeover"], found["standstill"]) == (True, 3.25, 0.5, 4.0)
    assert (found["duplicates_at_most"], found["standby_id"]) == (12, "s-0")


def test_death_without_a_last_word(fake: FakeTools) -> None:
    fake.obey = lambda _: fake.later(4.0, lambda: fake.scene.write(promoted("w-0", 10, "s-0", "takeover")))
    done = drill(fake)
    assert (done.standstill, done.duplicates) == (None, None)
    assert "how long it stood still was not seen" in sentence(done)
    assert sentence(done).endswith("twice: unknown.")


def test_refused_unless_protected(fake: FakeTools) -> None:
    fake.scene.write(standby_of("s-0", 10, {"w-0": 9}, state=ShadowState.WARMING))
    with pytest.raises(CheckFailedError, match=r"not protected: s-0 is warming, 9 behind\. .* nothing was done"):
        drill(fake)
    with pytest.raises(SeatNotFoundError):
        drill(fake, "w-7")
    assert fake.written == []


def test_started_anew_before_the_shadow_noticed(fake: FakeTools) -> None:
    fake.obey = lambda _: fake.later(0.4, lambda: fake.scene.write(owner_of("w-0", 3, member_id="new")))
    with pytest.raises(CheckFailedError, match="was not taken over"):
        drill(fake)


def test_nobody_comes(fake: FakeTools) -> None:
    last = owner_of("w-0", 0, reason="drill", uncommitted=12)
    fake.obey = lambda _: fake.scene.write(last)
    with pytest.raises(CheckFailedError, match=r"is not done after 5\.0 s") as error:
        drill(fake, timeout=5.0)
    assert "was in it last and is running" in str(error.value)
    assert fake.withdrawn == fake.written


def test_document_of_a_refusal() -> None:
    found = document("flights", "w-0", None, "Not protected.")
    assert (found["complete"], found["error"], found["standstill"], found["to"]) == (
        False,
        "Not protected.",
        None,
        None,
    )
