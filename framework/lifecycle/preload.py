"""Imported once by the fork server, so that a new worker is a fork of a process that has everything loaded.

Importing this module is its only purpose: it is named in `supervisor.py` and imported nowhere else.
"""

import gc

import faust.agents.manager
import faust.app.base
import faust.fixups
import faust.stores.memory
import faust.tables.recovery
import faust.transport.drivers.aiokafka
import faust.web.drivers.aiohttp  # noqa: F401
import uvloop  # noqa: F401

import framework.app
import framework.lifecycle.presence
import framework.lifecycle.seat
import framework.lifecycle.worker  # noqa: F401

# What was loaded stays; without this each worker would copy these pages when its garbage collector touches them.
gc.collect()
gc.freeze()
