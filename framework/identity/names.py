"""Reads names that orchestrators give to machines and units: which of them are the same after a restart; pure."""

import re

_MADE_UP = "bcdfghjklmnpqrstvwxz2456789"
"""Letters of random Kubernetes names: no vowels, nothing that looks alike (`k8s.io/apimachinery/pkg/util/rand`)."""

_DEPLOYMENT_POD = re.compile(rf".+-[{_MADE_UP}]{{8,10}}-[{_MADE_UP}]{{5}}")
_RANDOM_POD = re.compile(rf".+-[{_MADE_UP}]{{5}}")
_CONTAINER_ID = re.compile(r"[0-9a-f]{12}|[0-9a-f]{64}")
_NUMBERED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?-(0|[1-9][0-9]{0,8})")
_COMPOSE_NUMBER = re.compile(r"[-_]([1-9][0-9]{0,5})\.")
_SYSTEMD_INSTANCE = re.compile(r"(?P<template>[^@/]+)@(?P<instance>[^/]+)\.service")
_SYSTEMD_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_SESSION_UNITS = frozenset({"user", "getty", "serial-getty", "container-getty"})


def clean_hostname(hostname: str) -> str:
    """The name in lower case, since host names do not tell case apart, and without the dot of a complete DNS name."""
    return hostname.strip().rstrip(".").lower()


def is_container_id(hostname: str) -> bool:
    """Whether the name is a short (12) or full (64 hex digits) container id, new with each container."""
    return _CONTAINER_ID.fullmatch(hostname) is not None


def why_unstable(name: str, *, in_kubernetes: bool) -> str | None:
    """Why a host or pod of this name has another one after a restart, as the end of a sentence; None if it keeps it."""
    first_label = name.partition(".")[0]
    if not name:
        return "is empty"
    if first_label == "localhost":
        return "is the same on every machine"
    if is_container_id(first_label):
        return "is a container id, new with each container"
    if _DEPLOYMENT_POD.fullmatch(first_label):
        return "is the name of a Deployment's pod, new with each pod; a StatefulSet keeps its pods' names"
    if in_kubernetes and _RANDOM_POD.fullmatch(first_label):
        return "is the name of a Job's or DaemonSet's pod, new with each pod; a StatefulSet keeps its pods' names"
    return None


def number_at_end(name: str) -> int | None:
    """The n of `<name>-<n>`, written without leading zeros; None where the name has another form."""
    match = _NUMBERED.fullmatch(name)
    return None if match is None else int(match[1])


def compose_number(ptr: str) -> int | None:
    """The n of `<project>-<service>-<n>.<network>` (older: with `_`); None unless there is just one reading."""
    numbers = _COMPOSE_NUMBER.findall(ptr)
    return int(numbers[0]) if len(numbers) == 1 else None


def systemd_instance(cgroup: str) -> str | None:
    r"""The instance of the template unit that runs the process: `3` of `flights@3.service`.

    Only the innermost service or scope counts: everything that a user starts sits somewhere below `user@1000.service`,
    and desktops start each program as `app-<name>@<random>.service`.

    Args:
        cgroup: text of `/proc/self/cgroup`, one `<hierarchy>:<controllers>:<path>` a line.
    """
    for line in cgroup.splitlines():
        units = [part for part in line.split("/") if part.endswith((".service", ".scope"))]
        match = _SYSTEMD_INSTANCE.fullmatch(units[-1]) if units else None
        if match and match["template"] not in _SESSION_UNITS and not match["template"].startswith("app-"):
            return _SYSTEMD_ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), match["instance"])
    return None
