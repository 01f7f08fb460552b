"""Faust stream workers that keep their seat.

Everything a user imports comes from here. Names are loaded on first use: the supervisor and the commands never need
Faust, which takes most of a second and some forty megabytes.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from framework.app import App
    from framework.errors import FencedError, FrameworkError, IdentityError, MembershipError, SettingsError
    from framework.exit_codes import ExitCode
    from framework.settings import Settings

__all__ = [
    "App",
    "ExitCode",
    "FencedError",
    "FrameworkError",
    "IdentityError",
    "MembershipError",
    "Settings",
    "SettingsError",
]

_HOMES = {"App": "framework.app", "ExitCode": "framework.exit_codes", "Settings": "framework.settings"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "framework.errors")), name)
