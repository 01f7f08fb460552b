"""A page that does not answer is given up at a stop, in time for everything else."""

import http.client
import time
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from framework import ExitCode
from framework.testing import eventually
from tests.support.both_paths import Starter
from tests.support.both_paths_broker import BrokerSide, Input

pytestmark = pytest.mark.broker

WITHIN = 10.0
"""Seconds; a request gets three, and without that bound the stop would take its whole grace of 25."""


def test_request_in_progress_does_not_hold_up_a_stop(start: Starter, broker: BrokerSide) -> None:
    source = f"{start.prefix}-pages"
    broker.create([source], partitions=1)
    broker.send({source: [Input(b"1")]})
    worker = start("pages", "fast")
    worker.noted("pages", 1)
    with closing(http.client.HTTPConnection(urlsplit(worker.page_url("")).netloc)) as client:
        client.request("GET", "/slow/")
        worker.noted("asked", 1)
        began = time.monotonic()
        with worker.log_on_failure():
            assert worker.stop(within=WITHIN) == ExitCode.OK
        assert time.monotonic() - began < WITHIN
    assert eventually(lambda: broker.committed(worker.group_id)) == {(source, 0): 1}
