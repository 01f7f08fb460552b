"""What the tables of the app under test must be, from the inputs."""

from tests.support.figures import Acked
from tests.support.tallies import counted, keys_of, tallied


def test_an_input_changes_one_key_twice_and_its_neighbour_between() -> None:
    assert keys_of(3, 41, 20) == ("3-1", "3-2", "3-1")
    assert keys_of(3, 39, 20) == ("3-19", "3-0", "3-19"), "the last key's neighbour is the first"


def test_totals_are_kept_apart_by_partition() -> None:
    inputs = [Acked("in", partition, seq, f"{partition}/{seq}", seq) for partition, seq in ((0, 0), (0, 1), (1, 0))]
    assert counted(inputs) == {0: 2, 1: 1}
    assert tallied(inputs, 20) == {"0-0": 2, "0-1": 3, "0-2": 1, "1-0": 2, "1-1": 1}
