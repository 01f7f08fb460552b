"""All features in one worker: a topic, an agent and its notes each."""

from tests.broker.delivery.apps import codecs, current, loops, others, outputs, shared, tables
from tests.broker.delivery.apps.base import app

__all__ = ["app", "codecs", "current", "loops", "others", "outputs", "shared", "tables"]
