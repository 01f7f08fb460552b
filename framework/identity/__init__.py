"""Who this worker is: from what surrounds the process to one instance id that survives a restart; knows no Kafka."""

from framework.identity.host import HostFacts, boot_id
from framework.identity.identity import Identity, Incarnation
from framework.identity.resolve import (
    Explained,
    explain,
    group_id_of,
    home_shadow_id,
    is_home_shadow,
    resolve,
)
from framework.identity.sources import Evidence, Found, Nothing
from framework.settings import Role

__all__ = [
    "Evidence",
    "Explained",
    "Found",
    "HostFacts",
    "Identity",
    "Incarnation",
    "Nothing",
    "Role",
    "boot_id",
    "explain",
    "group_id_of",
    "home_shadow_id",
    "is_home_shadow",
    "resolve",
]
