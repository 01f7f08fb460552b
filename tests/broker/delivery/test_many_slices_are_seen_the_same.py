"""Where a partition comes in many slices, some before the worker and some while it runs, nothing differs either."""

from collections import defaultdict
from itertools import chain

import pytest

from tests.support.both_paths import PATHS
from tests.support.both_paths_broker import BrokerSide
from tests.support.both_paths_bulk import Numbers
from tests.support.both_paths_many import FEATURES, OUTPUTS, Many, run_many

pytestmark = pytest.mark.broker

IN_ORDER = [feature for feature in FEATURES if feature not in ("concurrency", "filter", "group-by")]


@pytest.fixture(scope="module")
def both(broker: BrokerSide, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Many]:
    """What each path did."""
    return run_many(broker, tmp_path_factory.mktemp("many"))


@pytest.fixture(params=PATHS)
def many(request: pytest.FixtureRequest, both: dict[str, Many]) -> Many:
    """What one path did."""
    return both[request.param]


def whole(many: Many) -> Numbers:
    """Each record once and in order."""
    return {partition: list(range(many.each)) for partition in range(2)}


@pytest.mark.parametrize("feature", IN_ORDER)
def test_each_record_once_and_in_order(many: Many, feature: str) -> None:
    assert many.seen[feature] == whole(many)


def test_filter(many: Many) -> None:
    assert many.seen["filter"] == {p: list(range(0, many.each, 3)) for p in range(2)}


def test_concurrency_sees_each_once(many: Many) -> None:
    assert {p: sorted(numbers) for p, numbers in many.seen["concurrency"].items()} == whole(many)


def test_group_by_keeps_the_order_of_each_key(many: Many) -> None:
    for numbers in many.seen["group-by"].values():
        assert sorted(numbers) == list(range(many.each))
        of_key = defaultdict(list)
        for number in numbers:
            of_key[number % 7].append(number)
        assert all(found == sorted(found) for found in of_key.values())


def test_current_event_and_lists_are_as_they_should_be(many: Many) -> None:
    assert {feature: count for feature, count in many.strange.items() if count} == {}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_have_each_record_once(many: Many, name: str) -> None:
    assert sorted(chain.from_iterable(many.outputs[name].values())) == list(range(2 * many.each))


def test_forwarded_records_of_a_key_keep_their_order(many: Many) -> None:
    for numbers in many.outputs["forwarded"].values():
        of_key = defaultdict(list)
        for number in numbers:
            of_key[number // 2 % 16, number % 2].append(number)
        assert all(found == sorted(found) for found in of_key.values())


def test_table(many: Many) -> None:
    assert many.counts == {
        f"k{n}-{partition}": len(range(n, many.each, 16)) for n in range(16) for partition in range(2)
    }


def test_everything_is_committed(many: Many) -> None:
    assert many.lag == {}
    assert many.exit_code == 0
