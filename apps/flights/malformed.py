"""Records that are no flights, made to order and always the same, to show that none gets lost; pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.flights.model import Reason


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A record to inject: its key, its value and the reason that the app must find."""

    key: bytes | None
    value: bytes
    reason: Reason


_WHOLE = (
    b'{"year":2013,"month":%b,"day":1,"dep_time":null,"sched_dep_time":600,"dep_delay":null,"arr_time":%b,'
    b'"sched_arr_time":830,"arr_delay":null,"carrier":%b,"flight":%d,"tailnum":null,"origin":"JFK","dest":"BOS",'
    b'"air_time":null,"distance":187,"hour":6,"minute":0,"time_hour":"2013-01-01T11:00:00Z"}'
)


def malformed_row(number: int) -> MalformedRow:
    """The `number`-th malformed record, counted from 1; six kinds of fault take turns."""
    flight = number % 9999 + 1
    makers = (
        MalformedRow(None, b"\xff\xfe not JSON %d" % number, Reason.UNDECODABLE),
        MalformedRow(b"UA", b"[%d]" % number, Reason.UNDECODABLE),
        MalformedRow(b"", _WHOLE % (b"1", b"null", b"null", flight), Reason.MISSING),
        MalformedRow(b"UA", _WHOLE % (b'"May"', b"null", b'"UA"', flight), Reason.WRONG_TYPE),
        MalformedRow(b"UA", _WHOLE % (b"13", b"null", b'"UA"', flight), Reason.IMPOSSIBLE),
        MalformedRow(b"DL", _WHOLE % (b"1", b"null", b'"UA"', flight), Reason.WRONG_KEY),
    )
    return makers[(number - 1) % len(makers)]


def malformed_rows(count: int) -> Iterator[MalformedRow]:
    """The first `count` malformed records."""
    return map(malformed_row, range(1, count + 1))
