"""Many records are appended in one go, and what does not go in is left to whoever can wait."""

from collections.abc import Iterator
from typing import Any

import pytest

from framework.streams.sending.appending import Record
from tests.unit.streams.fakes import run
from tests.unit.streams.sending.test_outbox import outbox_of, post, values


def records(*wanted: Any) -> Iterator[Record]:
    return iter([(b"k", value, []) for value in wanted])


def test_all_of_them_behind_what_was_there() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            post(outbox, b"a")
            sent, left = outbox.topic("flights").post_many(0, records(b"b", b"c"))
            assert (sent is not None, left) == (True, None)
            post(outbox, b"d")
            (taken,) = client.take()
            assert values(taken) == [b"a", b"b", b"c", b"d"]
            assert sent is not None
            assert sent.parcel.posted == 4
            taken.done(100)
            assert sent.result().offset == 102

    run(scenario)


@pytest.mark.parametrize("why", ["none was opened", "the sender has it", "it was closed", "no such partition"])
def test_none_of_them_without_an_open_batch(why: str) -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            if why != "none was opened":
                post(outbox, b"a")
            if why == "the sender has it":
                client.take()
            if why == "it was closed":
                outbox.topic("flights")._appender(0)._builder.close()
            rest = records(b"b", b"c")
            partition = 9 if why == "no such partition" else 0
            assert outbox.topic("flights").post_many(partition, rest) == (None, (b"k", b"b", []))
            assert [value for _, value, _ in rest] == [b"c"]
            assert outbox.topic("flights").post_many(partition, rest) == (None, None)

    run(scenario)


def test_as_many_as_there_is_room_for() -> None:
    async def scenario() -> None:
        async with outbox_of(max_batch_size=1000) as (outbox, client):
            (first,) = post(outbox, b"a" * 400)
            rest = records(b"b" * 400, b"c" * 400, b"d" * 400)
            sent, left = outbox.topic("flights").post_many(0, rest)
            assert left == (b"k", b"c" * 400, [])
            assert sent is not None
            assert (sent.parcel is first.parcel, sent.parcel.posted) == (True, 2)
            post(outbox, b"c" * 400)
            last, left = outbox.topic("flights").post_many(0, rest)
            assert (last is not None, left) == (True, None)
            client.take()[0].done(100)
            client.take()[0].done(102)
            assert last is not None
            assert (sent.result().offset, last.result().offset) == (101, 103)

    run(scenario)


def test_one_that_cannot_be_appended_leaves_those_before_it_counted() -> None:
    async def scenario() -> None:
        async with outbox_of() as (outbox, client):
            (first,) = post(outbox, b"a")
            with pytest.raises(TypeError):
                outbox.topic("flights").post_many(0, records(b"b", "text", b"c"))
            assert first.parcel.posted == 2
            (last,) = post(outbox, b"d")
            (taken,) = client.take()
            assert values(taken) == [b"a", b"b", b"d"]
            taken.done(100)
            assert last.result().offset == 102

    run(scenario)
