"""Faust's topic with a `send` that appends at once where it can, and is Faust's own where it cannot."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import faust
from aiokafka.errors import KafkaError
from faust.types import FutureMessage

from framework.streams.sending.appending import NO_HEADERS, Headers, TopicAppender
from framework.streams.sending.outbox import refused
from framework.streams.sending.serializing import Dump, can_compile, key_dump, value_dump
from framework.streams.sensors import HEARS_EACH, can_hear_of_many

GIVEN = "a record that is sent with a callback, a schema or a serializer is sent by itself"
OF_A_CLASS = "records for a topic of a class of its own are sent one by one"
ATTACHED = "what is sent waits for the commit (stream_publish_on_commit), record by record"
PRODUCER = "the producer is not the framework's, or writes no headers: records are sent one by one"
SCHEMA = "a schema or a registry of its own has a call for each record that is sent"
RECEIVER = "a receiver of on_produce_message has a call for each record that is sent"


class _Way(NamedTuple):
    """How a topic's records are sent at once.

    Attributes:
        key, value: their serialization.
        appender: where they go.
        sensors: Faust's set of them, and how many there were: another one may want to hear of each record.
        receivers, by_sender: those whom Faust's signal tells of each record, of any app and by app; normally none.
        sender: the key of this app among the latter.
    """

    key: Dump
    value: Dump
    appender: TopicAppender
    sensors: Any
    number_of_sensors: int
    receivers: Any
    by_sender: Any
    sender: Any

    @property
    def is_open(self) -> bool:
        """Whether still nobody has to be told of each record."""
        is_told = self.receivers or self.by_sender.get(self.sender)
        return not is_told and len(self.sensors) == self.number_of_sensors


class Topic(faust.Topic):
    """Faust's topic.

    On the fast path `send` serializes, chooses the partition and appends to the client's open batch without letting go
    of the event loop, and returns a `Sent`. What it leaves to Faust: a callback, a schema or a serializer given with
    the record, sends that wait for the commit (`stream_publish_on_commit`), schemas and registries of the user's own,
    sensors that have to hear of each record, and receivers of `app.on_produce_message`.

    How keys and values are serialized is settled by the first record that is sent.
    """

    _way: _Way | None = None

    async def send(
        self,
        *,
        key: Any = None,
        value: Any = None,
        partition: int | None = None,
        timestamp: float | None = None,
        headers: Any = None,
        schema: Any = None,
        key_serializer: Any = None,
        value_serializer: Any = None,
        callback: Any = None,
        force: bool = False,
    ) -> Any:
        """Send a record; what is returned can be awaited for its metadata.

        Raises:
            ProducerSendError: the client did not take it.
        """
        if schema is not None or key_serializer or value_serializer or callback is not None:
            way = None
            self._say(GIVEN)
        else:
            way = self._way
            if way is None or not way.is_open:
                way = await self._find_way()
        if way is None:
            return await self._send_as_faust(
                key=key,
                value=value,
                partition=partition,
                timestamp=timestamp,
                headers=headers,
                schema=schema,
                key_serializer=key_serializer,
                value_serializer=value_serializer,
                callback=callback,
                force=force,
            )
        key, value = way.key(key), way.value(value)
        ms = None if timestamp is None else int(timestamp * 1000.0)
        # Once: it may be an iterator, and the record may have to be posted a second time.
        headers = NO_HEADERS if headers is None else _list(headers)
        try:
            sent = way.appender.post(key, value, partition, ms, headers)
        except KafkaError as error:
            raise refused(error) from error
        if sent is None:
            # For metadata, for room, or for another producer than the last one.
            self._way = None
            producer: Any = await self._get_producer()
            sent = await producer.outbox.post(
                self.get_topic_name(), partition, key, value, timestamp=timestamp, headers=headers
            )
        return sent

    async def _find_way(self) -> _Way | None:
        """How records are sent at once; None if they are to be sent as Faust does, and then it says once why."""
        app: Any = self.app
        # What was in the way of an earlier record need not be in that of this one.
        self._way = None
        if not getattr(app, "is_fast", False):
            return None
        producer: Any = await self._get_producer()
        if why := self._why_not_at_once(producer):
            self._say(why)
            return None
        signal = app.on_produce_message
        self._way = _Way(
            key_dump(app, self.schema),
            value_dump(app, self.schema),
            producer.outbox.topic(self.get_topic_name()),
            app.sensors._sensors,
            len(app.sensors._sensors),
            signal._receivers,
            signal._filter_receivers,
            signal._create_id(app),
        )
        return self._way

    def _why_not_at_once(self, producer: Any) -> str:
        """Why no record of this topic may be sent at once; empty where it may."""
        app: Any = self.app
        signal = app.on_produce_message
        whys = {
            OF_A_CLASS: type(self) is not Topic,
            ATTACHED: app._attachments.enabled,
            PRODUCER: getattr(producer, "outbox", None) is None or not producer.allow_headers,
            SCHEMA: not can_compile(app, self.schema),
            HEARS_EACH: not can_hear_of_many(app.sensors),
            RECEIVER: signal._receivers or signal._filter_receivers.get(signal._create_id(app)),
        }
        return next((why for why, is_so in whys.items() if is_so), "")

    async def _send_as_faust(self, **record: Any) -> Any:
        sent = await super().send(**record)
        app: Any = self.app
        # A record that is attached to its source's commit is not sent yet, and the commit looks after it.
        if getattr(app, "is_fast", False) and not app.in_transaction and not isinstance(sent, FutureMessage):
            return app.producer.outbox.watch(self.get_topic_name(), sent)
        return sent

    def _say(self, why: str) -> None:
        app: Any = self.app
        if getattr(app, "is_fast", False):
            app.say_once(why, self.get_topic_name())


def _list(headers: Any) -> Headers:
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)
