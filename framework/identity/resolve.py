"""Asks the sources in order and makes an identity of the first stable answer; knows none of the sources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from framework.errors import IllegalInstanceIdError, UnstableIdentityError
from framework.identity.host import HostFacts
from framework.identity.identity import Identity
from framework.identity.sources import CHAIN, Evidence, Found, Nothing, Source
from framework.instance_id import LONGEST, check_instance_id, fault_in_name, shortened
from framework.settings import Role, Settings

STANDBY = "standby"
"""Part of every standby's id."""

_HOME = "-shadow"


@dataclass(frozen=True, slots=True)
class Explained:
    """What one source said, for a person to read.

    Attributes:
        source: its name.
        value: the id or name that it gave; None if it had nothing to say.
        stable: whether that is the same at the next start; None if it had nothing to say.
        outcome: chosen, or why not.
    """

    source: str
    value: str | None
    stable: bool | None
    outcome: str


def resolve(
    settings: Settings,
    *,
    app_id: str,
    slot: int = 0,
    slots: int = 1,
    role: Role = "primary",
    environ: Mapping[str, str],
    host: HostFacts,
) -> Identity:
    """Who this worker is: the first stable source wins, later ones are not asked.

    Args:
        settings: the effective settings.
        app_id: the app's id, which is the group's id, and the service's name unless that is set.
        slot: number of this worker among those of one supervisor, from 0.
        slots: workers of that supervisor; with more than one each gets `<id>-<slot>`.
        role: a standby is a member of the standby group, under an id that no seat of the primary group has.
        environ: the environment, `{name: value}`.
        host: what the machine says of itself.

    Raises:
        UnstableIdentityError: no source is stable, and `allow_dynamic` is off.
        IllegalInstanceIdError: the id, or the app's id, breaks Kafka's rule.
    """
    if not 0 <= slot < slots:
        raise ValueError(f"slot must be from 0 to {slots - 1}, got {slot}")
    evidence = _evidence(settings, app_id, environ, host, role)
    reasons: list[str] = []
    for source, answer in _answers(evidence):
        if isinstance(answer, Found) and answer.stable:
            found = _in_slot(_in_role(answer, role), slot, slots)
            return _identity(evidence, group_id_of(settings, app_id, role), source.name, found)
        if answer.why not in reasons:
            reasons.append(answer.why)
    if settings.allow_dynamic and role == "primary":
        why = "no source is stable, and FRAMEWORK_ALLOW_DYNAMIC is true: every restart moves partitions"
        return Identity(app_id, None, None, evidence.service, evidence.hostname, "none", why)
    raise UnstableIdentityError(_advice(app_id, reasons))


def group_id_of(settings: Settings, app_id: str, role: Role) -> str:
    """The consumer group that a worker of this role belongs to."""
    return app_id if role == "primary" else settings.standby_group or f"{app_id}-{STANDBY}"


def home_shadow_id(seat: str) -> str:
    """Instance id in the standby group of a primary worker that shadows its own seat, because another one has it."""
    return f"{seat[: LONGEST - len(_HOME)]}{_HOME}"


def is_home_shadow(standby_id: str) -> bool:
    """Whether an instance id in the standby group is that of a primary worker."""
    return standby_id.endswith(_HOME)


def explain(
    settings: Settings, *, app_id: str, role: Role = "primary", environ: Mapping[str, str], host: HostFacts
) -> list[Explained]:
    """What each source of the chain says, in order, and which one is chosen; arguments as for `resolve`.

    Raises:
        IllegalInstanceIdError: the app's id breaks Kafka's rule.
    """
    table: list[Explained] = []
    chosen: str | None = None
    for source, answer in _answers(_evidence(settings, app_id, environ, host, role)):
        answer = _in_role(answer, role) if isinstance(answer, Found) and answer.stable else answer
        if isinstance(answer, Nothing):
            table.append(Explained(source.name, None, None, answer.why))
        elif not answer.stable:
            table.append(Explained(source.name, answer.id, False, f"refused: {answer.why}"))
        elif chosen is not None:
            table.append(Explained(source.name, answer.id, True, f"not needed: {chosen} comes first"))
        else:
            chosen = source.name
            table.append(Explained(source.name, answer.id, True, f"chosen: {answer.why}"))
    return table


def _evidence(settings: Settings, app_id: str, environ: Mapping[str, str], host: HostFacts, role: Role) -> Evidence:
    # The app's id names topics and folders as well, under the same rule.
    if fault := fault_in_name(app_id):
        raise IllegalInstanceIdError(
            f"The app's id {shortened(app_id)} {fault}; it names the group, topics and folders: choose an id of these "
            "characters."
        )
    service = settings.service or app_id
    if role == "standby" and f"-{STANDBY}" not in service:
        service = f"{service}-{STANDBY}"
    return Evidence(environ, settings, host, service)


def _answers(evidence: Evidence) -> Iterator[tuple[Source, Found | Nothing]]:
    return ((source, source.look(evidence)) for source in CHAIN)


def _in_role(found: Found, role: Role) -> Found:
    """A standby's id tells that it is one: both kinds of workers speak in one roster, under their ids."""
    return found if role == "primary" or STANDBY in found.id else replace(found, id=f"{found.id}-{STANDBY}")


def _in_slot(found: Found, slot: int, slots: int) -> Found:
    return found if slots == 1 else replace(found, id=f"{found.id}-{slot}")


def _identity(evidence: Evidence, group_id: str, source: str, found: Found) -> Identity:
    return Identity(
        group_id=group_id,
        group_instance_id=check_instance_id(found.id),
        ordinal=found.ordinal,
        service=evidence.service,
        host=evidence.hostname,
        source=source,
        why=found.why,
    )


def _advice(app_id: str, reasons: list[str]) -> str:
    return (
        f"No instance id that survives a restart was found for the app {app_id!r}: {'; '.join(reasons)}. "
        "Set FRAMEWORK_INSTANCE_ID to a name, or FRAMEWORK_ORDINAL to a number, that is the same at every start and "
        "different for each worker; or set FRAMEWORK_ALLOW_DYNAMIC=true to do without, at the cost of a rebalance at "
        "every restart."
    )
