"""Has a producer's client go on to know the topics that it sends to."""

from typing import Any


def remember_topics(producer: Any) -> None:
    """Have an `AIOKafkaProducer` never forget a topic that something was sent to.

    What it could come to, step by step: Faust creates a topic and asks for new metadata; the client has a list of
    topics to ask for, which is empty yet, and so asks for all; a topic that is in the answer counts as known and is not
    put onto the list when something is sent to it; then another one is put there, and the next answer has only that;
    what waits for the first has no leader any more, and the client asks for new metadata without a pause, and never for
    that topic, until the records expire. Faust has them expire after twenty minutes. Meanwhile no commit and no stop
    ends.
    """
    client: Any = producer.client
    wait_on_metadata = client._wait_on_metadata

    async def wait_and_remember(topic: str) -> Any:
        partitions = await wait_on_metadata(topic)
        client._topics.add(topic)
        return partitions

    client._wait_on_metadata = wait_and_remember
