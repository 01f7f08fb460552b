"""`framework standby handover` over a fake roster: whom it asks, how long it waits, what it says."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from framework.cli.standby_handover import Wish, hand_over_all
from framework.cli.standby_handover_wording import Handed, document, sentence
from framework.errors import CheckFailedError, FrameworkError, RosterUnavailableError, SeatNotFoundError
from framework.membership.roster import Order, OrderKind
from framework.states import SeatState, ShadowState
from tests.unit.cli.fake_tools import FakeTools
from tests.unit.membership.fake_standby import client_id, group_of, owner_of, promoted, standby_of, stopped


@pytest.fixture
def fake() -> FakeTools:
    fake = FakeTools()
    fake.scene.speak()
    fake.obey = obedient(fake)
    return fake


def obedient(fake: FakeTools) -> Callable[[Order], None]:
    """The owner and the shadow of each seat do as they are told: 0.4 s to stop, 0.4 s more to sit down."""

    def obey(order: Order) -> None:
        seat, number = order.seat, int(order.seat[-1])
        assert order.kind is OrderKind.HANDOVER
        assert order.owner == client_id(seat, number)
        write, new = fake.scene.write, 10 + number
        standby_id = order.successor.partition("@")[0]
        fake.later(0.2, lambda: write(owner_of(seat, number, state=SeatState.STOPPING, reason="handover")))
        fake.later(0.6, lambda: write(stopped(seat, number, order.successor)))
        fake.later(0.8, lambda: write(promoted(seat, new, standby_id, state=SeatState.STARTING, member_id="new")))
        fake.later(1.2, lambda: write(promoted(seat, new, standby_id, member_id="new")))

    return obey


def hand_over(fake: FakeTools, *seats: str, to: str | None = None, timeout: float = 10.0) -> list[Handed]:
    done: list[Handed] = []
    wish = Wish("flights", seats, to, timeout)
    try:
        asyncio.run(hand_over_all(fake.tools(), wish, fake.told.append, done.append))
    except FrameworkError as exc:
        exc.add_note(str(len(done)))
        raise
    return done


def test_one_seat(fake: FakeTools) -> None:
    (handed,) = hand_over(fake, "w-0")
    assert fake.written == [Order("w-0", OrderKind.HANDOVER, client_id("w-0", 0), client_id("s-0", 10))]
    assert fake.withdrawn == []
    assert handed.owner is not None
    assert handed.owner.client_id == client_id("w-0", 10)
    assert (handed.standstill, handed.is_at_least) == (1.0, False)
    assert handed.took == pytest.approx(1.2, abs=0.21)
    assert sentence(handed) == (
        f"Seat w-0: from w-0@box-0 to w-0@box-10 (s-0); it stood still for 1.00 s, took {handed.took:.2f} s."
    )
    assert list(dict.fromkeys(fake.told)) == [
        "Seat w-0: its owner has not obeyed yet",
        "Seat w-0: its owner finishes its work and commits",
        "Seat w-0: nobody sits in it",
        "Seat w-0: the new owner sits down",
    ]


def test_every_seat_one_after_the_other(fake: FakeTools) -> None:
    handed = hand_over(fake)
    assert [found.seat for found in handed] == ["w-0", "w-1"]
    assert [order.seat for order in fake.written] == ["w-0", "w-1"]


def test_the_least_behind_is_chosen_unless_another_is_named(fake: FakeTools) -> None:
    fake.scene.write(standby_of("s-2", 12, {"w-0": 3}))
    fake.obey = lambda _: None
    for to, chosen in ((None, "s-2"), ("s-0", "s-0")):
        with pytest.raises(CheckFailedError):
            hand_over(fake, "w-0", to=to, timeout=1.0)
        assert fake.written[-1].successor.startswith(f"{chosen}@")


def test_warming_shadow_is_waited_for(fake: FakeTools) -> None:
    fake.scene.write(standby_of("s-0", 10, {"w-0": 900}, state=ShadowState.WARMING))
    fake.later(3.0, lambda: fake.scene.write(standby_of("s-0", 10, {"w-0": 0})))
    hand_over(fake, "w-0")
    assert fake.told[0] == "Seat w-0: s-0 is warming, 900 behind"


def test_warming_shadow_is_not_waited_for_for_ever(fake: FakeTools) -> None:
    fake.scene.write(standby_of("s-0", 10, {"w-0": 900}, state=ShadowState.WARMING))
    with pytest.raises(CheckFailedError, match=r"s-0 is warming, 900 behind. It has been waited for 2 s"):
        hand_over(fake, "w-0", timeout=2.0)
    assert fake.written == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda fake: fake.scene.write(standby_of("s-0", 10, {})), "no shadow"),
        (
            lambda fake: fake.scene.write(standby_of("s-0", 10, {"w-0": 0}, state=ShadowState.DIFFERENT)),
            "s-0 has other tables",
        ),
        (lambda fake: fake.scene.write(owner_of("w-0", 0, state=SeatState.STOPPED)), "nobody sits in it"),
        (lambda fake: fake.scene.write(owner_of("w-0", 0, state=SeatState.STOPPING)), "its owner is stopping"),
    ],
)
def test_refused_at_once(fake: FakeTools, change: Callable[[FakeTools], None], says: str) -> None:
    change(fake)
    start = fake.scene.roster.now
    with pytest.raises(CheckFailedError, match=f"'w-0' of group 'flights' cannot be handed over: {says}"):
        hand_over(fake, "w-0")
    assert fake.scene.roster.now == start
    assert fake.written == []


def test_silent_owner(fake: FakeTools) -> None:
    fake.keeps_speaking = False
    fake.scene.roster.now += 4.0
    fake.scene.write(standby_of("s-0", 10, {"w-0": 0}))
    with pytest.raises(CheckFailedError, match="its owner is silent"):
        hand_over(fake, "w-0")


def test_nobody_can_tell_who_lives(fake: FakeTools) -> None:
    fake.scene.roster.problem = "The roster cannot be read."
    with pytest.raises(RosterUnavailableError, match="cannot be read"):
        hand_over(fake, "w-0")


def test_unknown_names(fake: FakeTools) -> None:
    with pytest.raises(SeatNotFoundError, match=r"has no seat 'w-7'\. It has w-0, w-1"):
        hand_over(fake, "w-0", "w-7")
    with pytest.raises(SeatNotFoundError, match=r"No standby 's-7' .* There are s-0, s-1"):
        hand_over(fake, "w-0", to="s-7")
    with pytest.raises(CheckFailedError, match="s-1 does not shadow it"):
        hand_over(fake, "w-0", to="s-1")
    assert fake.written == []


def test_nobody_in_the_group(fake: FakeTools) -> None:
    fake.scene.group = group_of()
    with pytest.raises(CheckFailedError, match="nothing to hand over"):
        hand_over(fake)


def test_done_again(fake: FakeTools) -> None:
    fake.scene.write(promoted("w-0", 10, "s-0"))
    # Whether the shadow said that it left its group when it sat down, or just fell silent.
    for shadow in (standby_of("s-0", 10, {"w-0": 0}), replace(standby_of("s-0", 10, {"w-0": 0}), state=SeatState.LEFT)):
        fake.scene.write(shadow)
        (handed,) = hand_over(fake, "w-0", to="s-0")
        assert handed.was_there
    assert fake.written == []
    assert sentence(handed) == "Seat w-0: s-0 (w-0@box-10) sits in it already."


def test_owner_does_not_obey(fake: FakeTools) -> None:
    fake.obey = lambda _: None
    with pytest.raises(CheckFailedError, match="its owner has not obeyed yet") as error:
        hand_over(fake, timeout=5.0)
    assert f"{client_id('w-0', 0)} was in it last and is running" in str(error.value)
    assert fake.withdrawn == fake.written
    assert len(fake.written) == 1, "it stops at the first that fails"


def test_somebody_else_sits_down(fake: FakeTools) -> None:
    fake.obey = lambda _: fake.later(0.2, lambda: fake.scene.write(owner_of("w-0", 5, member_id="new")))
    with pytest.raises(CheckFailedError, match="went to another process") as error:
        hand_over(fake, "w-0")
    assert f"{client_id('w-0', 5)} sits in it and is running" in str(error.value)


def test_first_word_of_the_stop_is_missed(fake: FakeTools) -> None:
    def obey(order: Order) -> None:
        fake.later(0.2, lambda: fake.scene.write(stopped("w-0", 0, order.successor)))
        fake.later(0.6, lambda: fake.scene.write(promoted("w-0", 10, "s-0", member_id="new")))

    fake.obey = obey
    (handed,) = hand_over(fake, "w-0")
    assert handed.took is not None
    assert f"it stood still for 0.40 to {handed.took:.2f} s, took" in sentence(handed)
    (found,) = document("flights", [handed], "")["seats"]  # type: ignore[misc]
    assert found["standstill_is_at_least"]


def test_document(fake: FakeTools) -> None:
    done = [*hand_over(fake, "w-0"), Handed("w-1", error="No.")]
    found = document("flights", done, "No.")
    assert (found["complete"], found["error"]) == (False, "No.")
    first, second = found["seats"]  # type: ignore[misc]
    assert (first["complete"], first["standby_id"], first["standstill"]) == (True, "s-0", 1.0)
    assert (first["from"]["host"], first["to"]["host"]) == ("box-0", "box-10")
    assert (second["complete"], second["error"], second["to"]) == (False, "No.", None)
