"""What the throughput benchmark measures, with how many records, and in which order."""

import json
from collections import Counter

import pytest

from tests.benchmarks.throughput_cases import CASES, FAUST, OURS, QUICK, QUIX, RAW, Case
from tests.benchmarks.throughput_checks import WrongResultError, compare
from tests.benchmarks.throughput_input import Input, entries
from tests.benchmarks.throughput_plan import Plan, Step, steps


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("scale", [1.0, QUICK])
def test_records_are_the_same_for_each_partition_and_key(case: Case, scale: float) -> None:
    for contender in case.records:
        count = case.count(contender, scale)
        assert count % case.partitions == 0
        assert not case.keys or count % case.keys == 0
        assert (count * case.share).is_integer()


def test_contenders_take_turns() -> None:
    found = [step.contender for step in steps(Plan(only=frozenset({"consume"}), repeat=2))]
    assert found == [FAUST, QUIX, RAW, OURS] * 2


def test_contender_can_be_left_out() -> None:
    found = {step.contender for step in steps(Plan(without=frozenset({QUIX, RAW}), repeat=1))}
    assert found == {FAUST, OURS}


def test_everything_is_measured_unless_told_otherwise() -> None:
    kinds = Counter(step.kind for step in steps(Plan(repeat=1)))
    assert kinds == {"case": 52, "latency": 4, "workers": 2, "idle": 2}


def test_steps_of_a_repeat_are_the_same_step() -> None:
    one, other = steps(Plan(only=frozenset({"events"}), without=frozenset({FAUST}), repeat=2))
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == "events, this framework"
    assert str(Step("latency", FAUST, argument=200)) == "latency 200, plain Faust"


def test_without_fast_delivery_we_get_as_many_records_as_plain_faust() -> None:
    plan = Plan(only=frozenset({"consume"}), slow=True)
    (case,) = {step.case for step in steps(plan) if isinstance(step.case, Case)}
    assert case.count(OURS) == case.count(FAUST)
    assert plan.settings == {"FRAMEWORK_FAST_DELIVERY": "false"}


@pytest.mark.parametrize("size", [100, 2000])
@pytest.mark.parametrize("keys", [1000, 0])
def test_values_have_their_size_and_keys_their_partition(size: int, keys: int) -> None:
    places: dict[bytes, int] = {}
    for number, entry in enumerate(entries(Input(12_000, 8, size, keys))):
        assert places.setdefault(entry.key, entry.partition) == entry.partition
        if number % 997 == 0:
            assert len(entry.value) == size
            value = json.loads(entry.value)
            assert value["n"] == number
            assert value["k"].encode() == entry.key
    assert len(places) == (keys or 12_000)


def test_right_totals_pass() -> None:
    compare({b"a": 2, b"b": 2}, count=4, keys=2)


@pytest.mark.parametrize("totals", [{b"a": 2}, {b"a": 2, b"b": 1}, {b"a": 2, b"b": 3}, {b"a": 2, b"b": 2, b"c": 2}])
def test_wrong_totals_are_an_error(totals: dict[bytes, int]) -> None:
    with pytest.raises(WrongResultError, match="in the changelog of 2"):
        compare(totals, count=4, keys=2)
