"""Flights for the tests: two lines as they stand in the file, and a strategy for all that are possible."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from apps.flights.model import Flight

LINE = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z"
CANCELLED_LINE = "2013,1,1,NA,1630,NA,NA,1815,NA,EV,4308,NA,EWR,RDU,NA,416,16,30,2013-01-01T21:00:00Z"

minutes = st.integers(-60, 1500)
clocks = st.builds(lambda hour, minute: hour * 100 + minute, st.integers(0, 23), st.integers(0, 59))
airports = st.sampled_from(["EWR", "JFK", "LGA", "IAH", "BOS"])


@st.composite
def _flights(draw: st.DrawFn) -> Flight:
    has_left = draw(st.booleans())
    has_arrived = has_left and draw(st.booleans())
    planned = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 8759)))
    return Flight(
        year=planned.year,
        month=planned.month,
        day=planned.day,
        dep_time=draw(clocks) if has_left else None,
        sched_dep_time=draw(clocks),
        dep_delay=draw(minutes) if has_left else None,
        arr_time=draw(clocks) if has_arrived else None,
        sched_arr_time=draw(clocks),
        arr_delay=draw(minutes) if has_arrived else None,
        carrier=draw(st.sampled_from(["UA", "9E", "B6"])),
        flight=draw(st.integers(1, 9999)),
        tailnum=draw(st.none() | st.just("N14228")),
        origin=draw(airports),
        dest=draw(airports),
        air_time=draw(st.integers(20, 700)) if has_arrived else None,
        distance=draw(st.integers(17, 5000)),
        hour=planned.hour,
        minute=draw(st.integers(0, 59)),
        time_hour=planned,
    )


flights = _flights()
