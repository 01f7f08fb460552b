"""An identity and what follows from it: address, folder, client id; and the one process life that wears it."""

import os
import re
import secrets
import socket
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

_URL_LABEL = r"(?!xn--)[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_URL_HOST = re.compile(rf"(?=.*[a-z]){_URL_LABEL}(?:\.{_URL_LABEL})*")


@dataclass(frozen=True, slots=True)
class Incarnation:
    """One process life that holds a seat; of two, the one that started later is the newer.

    Attributes:
        host: the machine's name.
        pid: number of the process on it.
        start_ms: start of the process, milliseconds since 1970.
        suffix: eight random hex digits, for two starts in one millisecond.
    """

    host: str
    pid: int
    start_ms: int
    suffix: str

    @classmethod
    def now(cls) -> "Incarnation":
        """The incarnation of this process, starting now."""
        return cls(socket.gethostname(), os.getpid(), time.time_ns() // 1_000_000, secrets.token_hex(4))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this worker is in its group.

    Attributes:
        group_id: Kafka's `group.id`, the app's id.
        group_instance_id: Kafka's `group.instance.id`; None for a dynamic member.
        ordinal: number of the worker among its replicas, from 0; None where nothing counts them.
        service: the setting, else the app's id.
        host: the machine's name.
        source: name of the source that was chosen.
        why: a clause that says why.
    """

    group_id: str
    group_instance_id: str | None
    ordinal: int | None
    service: str
    host: str
    source: str
    why: str

    def canonical_url(self, port: int) -> str:
        """`http://<group_instance_id>:<port>`: the same at every start, which Faust's assignor insists on.

        Upper case, non-host forms and plain numbers would come back changed from a URL parser; such an id is replaced
        by a host label made of its hash. A dynamic member has no id, and its host and process stand in.
        """
        name = self.group_instance_id or f"{self.host}.{os.getpid()}"
        if not _URL_HOST.fullmatch(name):
            name = f"h{sha256(name.encode()).hexdigest()[:32]}"
        return f"http://{name}:{port}"

    def datadir(self, base: Path) -> Path:
        """The folder of this seat's tables: `<base>/<group_id>/<group_instance_id>`.

        A dynamic member gets `dynamic-<pid>`: nothing promises that it finds its tables again.
        """
        return base / self.group_id / (self.group_instance_id or f"dynamic-{os.getpid()}")

    def client_id(self, incarnation: Incarnation) -> str:
        """`<group_instance_id>@<host>#<start ms>-<suffix>`: what DescribeGroups shows of this incarnation.

        A dynamic member shows its service in place of the id it lacks.
        """
        name = self.group_instance_id or self.service
        return f"{name}@{incarnation.host or 'unknown'}#{incarnation.start_ms}-{incarnation.suffix}"
