"""Delay statistics of every flight that left New York in 2013; `apps.flights:app` is the app.

The app is built when it is first asked for, so that the commands (`replay`, `verify`) need no Faust.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """This package, with `app` as the app, whoever imports the module of the same name, and when.

    A module's `__getattr__` (PEP 562) is not enough: the import of `apps.flights.app` ends by setting the attribute
    `app` of this package to the module, after which `apps.flights:app` would no longer be an app.
    """

    @property
    def app(self) -> Any:
        """The app, built at its first use."""
        return import_module("apps.flights.app").app

    @app.setter
    def app(self, _module: ModuleType) -> None:
        """Let the import system's assignment pass without effect."""


sys.modules[__name__].__class__ = _Package
