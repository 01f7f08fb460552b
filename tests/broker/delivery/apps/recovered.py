"""Tables of every kind in one worker, to be found again after a restart."""

from tests.broker.delivery.apps import tables, windows
from tests.broker.delivery.apps.base import app

__all__ = ["app", "tables", "windows"]
