"""The chain of sources that may name a worker, best first; each looks at the evidence and knows no other source."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from framework.identity.host import HostFacts
from framework.identity.names import (
    clean_hostname,
    compose_number,
    is_container_id,
    number_at_end,
    systemd_instance,
    why_unstable,
)
from framework.instance_id import fault_in_name, shortened
from framework.settings import Settings

_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a source may look at.

    Attributes:
        environ: the environment, `{name: value}`.
        settings: the effective settings.
        host: what the machine says of itself.
        service: first part of derived ids: the setting, else the app's id.
    """

    environ: Mapping[str, str]
    settings: Settings
    host: HostFacts
    service: str

    @property
    def in_kubernetes(self) -> bool:
        """Whether the process runs in a pod: Kubernetes sets the first variable in each, a manifest the second."""
        return bool(self.environ.get("KUBERNETES_SERVICE_HOST") or self.environ.get("POD_NAME"))

    @property
    def hostname(self) -> str:
        """The host's name, cleaned."""
        return clean_hostname(self.host.hostname)


@dataclass(frozen=True, slots=True)
class Found:
    """A source named the worker.

    Attributes:
        id: the instance id that follows, or the name that was refused.
        stable: whether the id is the same at the next start.
        why: a clause that says where it came from, or why it is not stable.
        ordinal: number of the worker among its replicas, from 0 and without gaps; None where the source has none.
    """

    id: str
    stable: bool
    why: str
    ordinal: int | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """A source has nothing to say; `why` is a clause."""

    why: str


@dataclass(frozen=True, slots=True)
class Source:
    """One place to look: its name for people, and the look."""

    name: str
    look: Callable[[Evidence], Found | Nothing]


def explicit_id(evidence: Evidence) -> Found | Nothing:
    """`FRAMEWORK_INSTANCE_ID`, as it is."""
    if evidence.settings.instance_id is None:
        return Nothing("FRAMEWORK_INSTANCE_ID is not set")
    return Found(evidence.settings.instance_id, True, "FRAMEWORK_INSTANCE_ID is set")


def explicit_ordinal(evidence: Evidence) -> Found | Nothing:
    """`FRAMEWORK_ORDINAL`: `<service>-<n>`."""
    if evidence.settings.ordinal is None:
        return Nothing("FRAMEWORK_ORDINAL is not set")
    return _numbered(evidence, evidence.settings.ordinal, "FRAMEWORK_ORDINAL is set")


def pod_index(evidence: Evidence) -> Found | Nothing:
    """`POD_INDEX`, which a manifest fills from the label `apps.kubernetes.io/pod-index`: `<service>-<n>`."""
    return _index_variable(evidence, "POD_INDEX")


def stateful_set_pod(evidence: Evidence) -> Found | Nothing:
    """The name of a StatefulSet's pod, `<name>-<n>`: unique already, and the name that operators look for."""
    variable = evidence.environ.get("POD_NAME", "")
    origin = "POD_NAME" if variable else "the hostname"
    name = clean_hostname(variable) if variable else evidence.hostname
    if why := why_unstable(name, in_kubernetes=evidence.in_kubernetes):
        return Found(name, False, f"{origin} {shortened(name)} {why}") if name else Nothing(f"{origin} {why}")
    # A pod may be told its complete DNS name; elsewhere web-1.east and web-1.west are two machines.
    name = name.partition(".")[0] if evidence.in_kubernetes else name
    ordinal = None if "." in name else number_at_end(name)
    if ordinal is None:
        return Nothing(f"{origin} {shortened(name)} does not have the form <name>-<n>")
    # Outside Kubernetes such a number counts no replicas: ip-10-0-0-5 is not the sixth of six.
    return Found(name, True, f"{origin} has the form <name>-<n>", ordinal if evidence.in_kubernetes else None)


def nomad_index(evidence: Evidence) -> Found | Nothing:
    """`NOMAD_ALLOC_INDEX`, the same for an allocation and its replacement: `<service>-<n>`."""
    return _index_variable(evidence, "NOMAD_ALLOC_INDEX")


def systemd_template(evidence: Evidence) -> Found | Nothing:
    """The instance of a systemd template unit, `3` of `flights@3.service`: `<service>-<instance>`."""
    instance = systemd_instance(evidence.host.cgroup())
    if instance is None:
        return Nothing("the process runs in no systemd template unit")
    if fault := fault_in_name(instance):
        return Nothing(f"the systemd instance {shortened(instance)} {fault}")
    return Found(f"{evidence.service}-{instance}", True, f"the systemd unit's instance is {shortened(instance)}")


def compose_replica(evidence: Evidence) -> Found | Nothing:
    """The replica number that Docker Compose gave the container: `<service>-<n>`; unique, but with gaps and from 1."""
    if not (evidence.host.in_docker or is_container_id(evidence.hostname)):
        return Nothing("the process runs in no container")
    ptr = evidence.host.ptr()
    if ptr is None:
        return Nothing("Docker's DNS knows no name for this address")
    number = compose_number(ptr)
    if number is None:
        return Nothing(f"the container's name {shortened(ptr)} has no replica number")
    return Found(f"{evidence.service}-{number}", True, f"Docker's DNS calls this container {shortened(ptr)}")


def plain_hostname(evidence: Evidence) -> Found | Nothing:
    """A hostname that stays: `<service>-<hostname>`, so that it reads well next to other services of the same host."""
    name = evidence.hostname
    if why := why_unstable(name, in_kubernetes=evidence.in_kubernetes):
        return Found(name, False, f"the hostname {shortened(name)} {why}") if name else Nothing(f"the hostname {why}")
    if fault := fault_in_name(name):
        return Nothing(f"the hostname {shortened(name)} {fault}")
    return Found(f"{evidence.service}-{name}", True, "the hostname stays the same")


CHAIN: tuple[Source, ...] = (
    Source("FRAMEWORK_INSTANCE_ID", explicit_id),
    Source("FRAMEWORK_ORDINAL", explicit_ordinal),
    Source("Kubernetes pod index", pod_index),
    Source("StatefulSet pod name", stateful_set_pod),
    Source("Nomad allocation index", nomad_index),
    Source("systemd template instance", systemd_template),
    Source("Docker Compose replica", compose_replica),
    Source("hostname", plain_hostname),
)
"""All sources in the order in which they are asked: what somebody said on purpose comes before what is guessed."""


def _numbered(evidence: Evidence, ordinal: int, why: str) -> Found:
    return Found(f"{evidence.service}-{ordinal}", True, why, ordinal)


def _index_variable(evidence: Evidence, variable: str) -> Found | Nothing:
    text = evidence.environ.get(variable, "")
    if not text:
        # A label that does not exist gives an empty variable.
        return Nothing(f"{variable} is not set")
    if not _NUMBER.fullmatch(text):
        return Nothing(f"{variable} is {shortened(text)}, which is not a whole number")
    return _numbered(evidence, int(text), f"{variable} is set")
