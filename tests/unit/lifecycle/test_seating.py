"""Each way into a seat, and from the standby group into one; who says that it is free, and the shadow, are fakes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from framework.exit_codes import ExitCode
from framework.lifecycle.link import Admitted, Bound, Go, Left, Moved, Promoted, Stop
from framework.membership.group import Joined
from framework.states import StopReason, WorkerState
from tests.unit.lifecycle.fake_seat import SEAT, client_id
from tests.unit.lifecycle.fake_seating import STANDBY_ID, Place, promotion

HOME = SEAT
BEFORE = Go(lineage=frozenset({"w-0@here#0"}), members=frozenset({"m-0"}), attempts=2)
NAMES = Go(lineage=BEFORE.lineage, members=BEFORE.members)
"""What of it counts for the seat in the standby group."""
JOINED = Joined("m-0", 7, {"orders": (0, 2)}, "first join", 0.31, 1_700_000_000_500)

Scenario = Callable[[Place], Awaitable[None]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs a test's body with a process that looks for its place."""

    def run(scenario: Scenario, role: str = "primary", **settings: Any) -> None:
        async def live() -> None:
            await scenario(Place(monkeypatch, role, **settings))

        asyncio.run(asyncio.wait_for(live(), 10.0))

    return run


class TestPrimary:
    def test_free_seat_is_joined_at_once(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            assert await place.sit_down()
            assert place.calls == [("look", "flights", HOME, Go())]
            assert place.link.said == []
            assert place.worker._takeover is None
            assert place.app.lease.is_held()

        run(scenario)

    def test_what_is_known_of_the_processes_before_it_is_looked_at(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            assert await place.sit_down(BEFORE)
            assert place.looks == [("flights", HOME, BEFORE)]

        run(scenario)

    def test_seat_that_a_spare_holds_is_shadowed(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            place.is_free["flights"] = False
            sitting = place.sit_down(BEFORE)
            standby = await place.shadowing()
            assert standby.identity == ("flights-standby", f"{HOME}-shadow")
            assert standby.standby_id == f"{HOME}-shadow"
            assert place.looks == [("flights", HOME, BEFORE), ("flights-standby", f"{HOME}-shadow", NAMES)]
            assert place.worker.state is WorkerState.SHADOWING
            (bound,) = [said for said in place.link.said if isinstance(said, Bound)]
            assert (bound.group_id, bound.group_instance_id) == ("flights-standby", f"{HOME}-shadow")
            sitting.cancel()

        run(scenario)

    def test_seat_that_was_yielded_is_shadowed_without_a_look_at_it(self, run: Any) -> None:
        """The shadow that it was handed to may be about to sit down."""

        async def scenario(place: Place) -> None:
            sitting = place.sit_down(Go(lineage=frozenset({"w-0@here#0"}), has_yielded=True))
            await place.shadowing()
            assert place.looks == [("flights-standby", f"{HOME}-shadow", Go(lineage=frozenset({"w-0@here#0"})))]
            sitting.cancel()

        run(scenario)

    def test_back_at_home_it_is_a_primary_like_any_other(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            sitting = place.sit_down(Go(has_yielded=True))
            (await place.shadowing()).promoted.set_result(promotion(HOME, "handover"))
            assert await sitting
            assert place.app.standby_id == ""
            assert Promoted(HOME) not in place.link.said
            bound = [said for said in place.link.said if isinstance(said, Bound)]
            assert [each.group_id for each in bound] == ["flights-standby", "flights"]

        run(scenario)


class TestStandby:
    def test_it_shadows_once_its_seat_in_the_standby_group_is_free(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            sitting = place.sit_down(BEFORE)
            standby = await place.shadowing()
            assert standby.identity == ("flights-standby", STANDBY_ID)
            assert place.looks == [("flights-standby", STANDBY_ID, BEFORE)]
            sitting.cancel()

        run(scenario, "standby")

    def test_seat_that_it_had_taken_over_is_gone_on_in(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            heard: list[Any] = []

            @place.app.on_promoted.connect
            async def on_promoted(app: Any, *, seat: str, kind: str, **_: Any) -> None:
                heard.append((seat, kind))

            go = Go(lineage=frozenset({"w-7@here#0"}), seat="w-7")
            assert await place.sit_down(go)
            assert place.looks == [("flights", "w-7", go)]
            assert [type(said) for said in place.link.said] == [Bound, Promoted]
            assert place.link.said[1] == Promoted("w-7")
            assert heard == [("w-7", "restart")]
            assert place.app.standby_id == STANDBY_ID, "it is a spare in there"
            assert place.app.lease.is_held()

        run(scenario, "standby")

    def test_and_shadowed_where_somebody_else_has_it_by_now(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            place.is_free["flights"] = False
            go = Go(lineage=frozenset({"w-7@here#0"}), seat="w-7")
            sitting = place.sit_down(go)
            standby = await place.shadowing()
            assert standby.identity == ("flights-standby", STANDBY_ID)
            assert place.looks == [("flights", "w-7", go), ("flights-standby", STANDBY_ID, Go(lineage=go.lineage))]
            sitting.cancel()

        run(scenario, "standby")


class TestPromotion:
    def test_it_becomes_the_worker_in_the_seat_in_this_order(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            sitting = place.sit_down()
            standby = await place.shadowing()
            standby.promoted.set_result(promotion("w-7"))
            assert await sitting
            assert place.done == ["shadow", ("sit down", "flights-standby")], (
                "nothing else before the broker lets it in"
            )
            moved, bound, promoted = place.link.said
            assert moved == Moved(WorkerState.SHADOWING)
            assert isinstance(bound, Bound)
            assert (bound.group_id, bound.group_instance_id) == ("flights", "w-7")
            assert bound.client_id.startswith("w-7@")
            assert promoted == Promoted("w-7")
            assert place.app.conf.consumer_group_instance_id == "w-7"
            assert place.worker._takeover == promotion("w-7").takeover

        run(scenario, "standby")

    def test_nothing_is_emitted_before_it_is_sure_that_nobody_else_does(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            sitting = place.sit_down()
            standby = await place.shadowing()
            place.worker.on_member_id("m-standby")
            standby.promoted.set_result(promotion())
            assert await sitting
            for _ in range(5):
                await asyncio.sleep(0)
            assert not place.app.lease.is_held()
            assert "confirm" not in place.calls, "what the standby group has answered is no answer"
            place.worker.on_member_id("m-1")
            await place.until(lambda: "confirm" in place.calls)
            assert not place.app.lease.is_held()
            standby.confirms.set()
            await place.until(lambda: standby.closed)
            assert place.done[-2:] == [("settled", SEAT), ("close", True, True)], "left last, with the lease held"

        run(scenario, "standby")

    def test_process_that_cannot_find_out_whether_it_may_emit_ends(self, run: Any) -> None:
        """It would sit in the seat for ever and emit nothing."""

        async def scenario(place: Place) -> None:
            errors: list[Any] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))
            sitting = place.sit_down()
            standby = await place.shadowing()
            standby.fails = RuntimeError("no answer")
            standby.promoted.set_result(promotion())
            assert await sitting
            place.worker.on_member_id("m-1")
            await place.until(lambda: place.worker.ends)
            assert place.worker.codes() == [ExitCode.CRASHED]
            assert "no answer" in (place.worker.ends[0][1] or "")
            assert not place.app.lease.is_held()

        run(scenario, "standby")

    @pytest.mark.parametrize("kind", ["takeover", "handover", "drill"])
    def test_app_hears_of_it_before_it_starts(self, kind: str, run: Any) -> None:
        async def scenario(place: Place) -> None:
            heard: list[Any] = []
            may_go_on = asyncio.Event()

            @place.app.on_promoted.connect
            async def on_promoted(app: Any, *, seat: str, kind: str, **_: Any) -> None:
                heard.append((app.identity.group_instance_id, seat, kind, app.lease.is_held()))
                await may_go_on.wait()

            sitting = place.sit_down()
            (await place.shadowing()).promoted.set_result(promotion("w-7", kind))
            await place.until(lambda: heard)
            assert heard == [("w-7", "w-7", kind, False)]
            assert not sitting.done()
            may_go_on.set()
            assert await sitting

        run(scenario, "standby")


class TestStopWhileShadowing:
    @pytest.mark.parametrize(
        ("policy", "reason", "leave"),
        [
            ("auto", StopReason.LEAVE, True),
            ("auto", StopReason.TERMINAL, True),
            ("auto", StopReason.INTERRUPT, False),
            ("auto", StopReason.RESTART, False),
            ("auto", StopReason.SUPERVISOR_GONE, False),
            ("always", StopReason.INTERRUPT, True),
            ("always", StopReason.RESTART, False),
            ("never", StopReason.LEAVE, False),
        ],
    )
    def test_policy_decides_about_the_seat_in_the_standby_group(
        self, policy: str, reason: StopReason, leave: bool, run: Any
    ) -> None:
        async def scenario(place: Place) -> None:
            sitting = place.sit_down()
            await place.shadowing()
            place.worker.stop(Stop(reason, 5.0))
            assert await sitting is False
            assert place.done == ["shadow", ("close", leave, True)]
            assert place.worker.state is WorkerState.STOPPING
            assert (Left() in place.link.said) is leave

        run(scenario, "standby", leave_policy=policy)

    def test_leave_that_the_broker_has_not_confirmed_is_none(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            place.confirms_leave = False
            sitting = place.sit_down()
            await place.shadowing()
            place.worker.stop(Stop(StopReason.LEAVE, 5.0))
            assert await sitting is False
            assert place.done == ["shadow", ("close", True, True)]
            assert Left() not in place.link.said

        run(scenario, "standby")

    def test_worker_whose_own_seat_is_free_ends_for_one_that_joins(self, run: Any) -> None:
        async def scenario(place: Place) -> None:
            sitting = place.sit_down(Go(has_yielded=True))
            (await place.shadowing()).goes_home.set()
            assert await sitting is False
            assert place.done == ["shadow", ("close", False, True)]
            assert place.worker._stopping is None

        run(scenario)

    def test_it_is_no_end_at_once(self, run: Any) -> None:
        """The member of the standby group has to be closed, as in a seat."""

        async def scenario(place: Place) -> None:
            sitting = place.sit_down()
            await place.shadowing()
            place.worker.stop(Stop(StopReason.INTERRUPT, 5.0))
            assert place.worker.ends == []
            assert await sitting is False

        run(scenario, "standby")


def test_names_of_the_standby_group_are_told_to_the_supervisor(run: Any) -> None:
    async def scenario(place: Place) -> None:
        place.worker.on_member_id("m-standby")
        place.worker.on_joined(JOINED)
        assert place.link.said == [Admitted("m-standby"), JOINED]

    run(scenario, "standby")


def test_client_id_follows_the_seat(run: Any) -> None:
    async def scenario(place: Place) -> None:
        before = place.app.client_id
        sitting = place.sit_down()
        (await place.shadowing()).promoted.set_result(promotion(SEAT))
        await sitting
        assert before.startswith(f"{STANDBY_ID}@")
        assert place.app.client_id.partition("@")[0] == SEAT
        assert place.app.client_id.partition("@")[2] == before.partition("@")[2], "the same process"
        assert client_id(place.app.incarnation) == place.app.client_id  # type: ignore[arg-type]

    run(scenario, "standby")
