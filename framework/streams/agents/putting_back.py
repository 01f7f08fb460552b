"""How records come again that somebody was at and has not finished."""

import weakref
from typing import Any


def put_back(unfinished: list[tuple[Any, Any]], *, for_another: bool = True) -> None:
    """Have records taken again, or at least nobody be at them any more.

    Args:
        unfinished: streams that had them, and their events.
        for_another: whether somebody will take them.
    """
    unfinished = sorted(unfinished, key=lambda each: (each[1].part.tp, each[1].record.offset))
    # From the last slice to the first, since each comes before what is in the queue.
    for part in reversed(dict.fromkeys(event.part for _, event in unfinished)):
        found = [(stream, event) for stream, event in unfinished if event.part is part]
        offsets = [event.record.offset for _, event in found]
        found[0][0].app._attachments.drop(part, offsets)
        if not for_another:
            part.let_go([event.record for _, event in found])
            continue
        own = [event.record for stream, event in found if stream.channel.queue is part.queue]
        if own:
            part.queue.put_back(part, own)
        for stream, event in reversed(found):
            if stream.channel.queue is not part.queue:
                _put_back_alone(stream.channel.queue, event)


def _put_back_alone(queue: Any, event: Any) -> None:
    """Put an event back that somebody has put into a channel by hand; the rest of its slice is not for that channel.

    Another one with the same record and message: whoever still has the old one must not finish it.
    """
    part = event.part
    if part.is_dropped:
        part.let_go([event.record])
        return
    again = event.app.create_event(event.key, event.value, event.headers, event.message)
    again.part, again.record, again.reader, again._message = part, event.record, event.reader, event.message
    again.is_settled, again.sensor_state = False, None
    part.hold(event.record.offset, weakref.ref(again))
    queue.put_first(again)
