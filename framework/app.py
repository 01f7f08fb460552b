"""`App`: a Faust app that takes everything else from `Settings`; joins identity, membership and delivery."""

import asyncio
import contextlib
import logging
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from faust.exceptions import AlreadyConfiguredWarning
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from mode.signals import Signal

from framework.errors import MembershipError, SettingsError
from framework.identity import HostFacts, Identity, Incarnation, Role, group_id_of, resolve
from framework.membership.connection import Connection
from framework.membership.group import Joined
from framework.membership.probe import probe
from framework.membership.transport import Transport
from framework.options import faust_options, refuse_unknown
from framework.pages import PagesApp
from framework.settings import Settings, environment
from framework.streams.lease import Lease


class App(PagesApp):
    """A stream app: agents, tables, timers and pages as in Faust, membership and life cycle by the framework.

    Args:
        id: name of the app; also the consumer group's id.
        settings: default: read from the environment and `.env` when first needed.
        options: Faust's own options, except those in `OURS`.

    Raises:
        SettingsError: an option is unknown, or one that a setting decides.
    """

    on_promoted = Signal(name="on_promoted")
    """Sent in a shadow that has decided to sit down in a seat, before its agents start: `seat`, `kind` (`takeover`,
    `handover` or `drill`). Awaited: what it does adds to the standstill. With the kind `restart` it is sent in each
    later process that goes on in that seat."""
    on_demoted = Signal(name="on_demoted")
    """Sent when a worker has handed its seat over, after its last commit: `seat`. A worker that is fenced ends at once
    and sends nothing."""
    _default_options: tuple[str, dict[str, Any]]
    logger = logging.getLogger("faust.framework.app")
    """What Faust says about itself goes to Faust's loggers, not to ours."""

    def __init__(self, id: str, *, settings: Settings | None = None, **options: Any) -> None:
        refuse_unknown(options)
        self._framework_settings = settings
        self.identity: Identity | None = None
        """Who this worker is; None until the app starts."""
        self.incarnation: Incarnation | None = None
        self._slot = 0
        self.slots = 1
        """How many workers its supervisor has."""
        self.standby_id = ""
        """Instance id in the standby group, if this process shadows or has come into its seat from there."""
        self.role: Role = "primary"
        """What this process was started as."""
        self.home: str | None = None
        """The seat that this process was started for; None for a standby and for a dynamic member, which have none."""
        self.lease = Lease()
        """Whether this worker may emit; without an end unless a shadow watches over its seat."""
        self._ending: asyncio.Future[None] | None = None
        super().__init__(id, **options)
        self.on_promoted = App.on_promoted.with_default_sender(self)
        self.on_demoted = App.on_demoted.with_default_sender(self)

    @property
    def settings(self) -> Settings:
        """The settings this app runs with."""
        if self._framework_settings is None:
            self._framework_settings = Settings.load()
        return self._framework_settings

    @property
    def id(self) -> str:
        """The consumer group's id."""
        return str(self.conf.id)

    @property
    def http_port(self) -> int:
        """Where this worker serves its pages: its supervisor has the port itself, its workers the next ones."""
        return self.settings.http_port + 1 + self._slot

    # --- identity -----------------------------------------------------------------------------------------------------

    def bind(self, *, slot: int = 0, slots: int = 1, role: Role | None = None) -> Identity:
        """Find out who this process is and set everything that follows from it.

        Args:
            slot: which of the supervisor's workers this is, from 0.
            slots: how many there are.
            role: default: that of the settings.

        Raises:
            IdentityError: there is no stable instance id.
            SettingsError: the standby group is the app's own.
        """
        self.role = role or self.settings.role
        if self.standby_group == self.id:
            raise SettingsError(
                f"FRAMEWORK_STANDBY_GROUP is {self.id!r}, which is the app's own group: a standby there would take"
                " partitions from the workers it is to protect. Choose another name, or leave it unset."
            )
        self.identity = resolve(
            self.settings,
            app_id=self.id,
            slot=slot,
            slots=slots,
            role=self.role,
            environ=environment(),
            host=HostFacts.here(),
        )
        self.incarnation = Incarnation.now()
        self._slot, self.slots = slot, slots
        if self.role == "standby":
            self.standby_id = self.identity.group_instance_id or ""
        else:
            self.home = self.identity.group_instance_id
        # Set once: a process that moves to another seat takes its tables along.
        with _late_changes():
            self.conf.datadir = self.identity.datadir(self.settings.datadir)
            self.conf.tabledir = self.conf.appdir / "tables"
        self._wear(self.identity)
        return self.identity

    def shadow(self, standby_id: str) -> Identity:
        """Be a member of the standby group for now; the seat that this process was started for is another one's."""
        assert self.identity is not None, "not bound"
        self.standby_id = standby_id
        self._wear(replace(self.identity, group_id=self.standby_group, group_instance_id=standby_id))
        return self.identity

    def promote(self, seat: str) -> Identity:
        """Be the worker in a seat of the primary group from here on; before the app starts."""
        assert self.identity is not None, "not bound"
        if seat == self.home:
            self.standby_id = ""
        self._wear(replace(self.identity, group_id=self.id, group_instance_id=seat))
        return self.identity

    @property
    def standby_group(self) -> str:
        """Id of the standby group."""
        return group_id_of(self.settings, self.id, "standby")

    def _wear(self, identity: Identity) -> None:
        """Set everything that follows from an identity."""
        self.identity = identity
        conf = self.conf
        with _late_changes():
            conf.consumer_group_instance_id = self.identity.group_instance_id
            conf.canonical_url = self.identity.canonical_url(self.http_port)
            conf.broker_client_id = self.client_id
            conf.web_host = self.settings.http_host
            conf.web_bind = self.settings.http_host
            conf.web_port = self.http_port
            if self.identity.group_instance_id is not None:
                # Faust's default is random; a random topic would make each restart a change of the subscription.
                conf.reply_to = f"{self.id}-reply-{self.identity.group_instance_id}"

    async def on_first_start(self) -> None:
        """As in Faust; an app that was started without the framework's worker finds out here who it is."""
        if self.identity is None:
            self.bind()
        await super().on_first_start()

    def _create_directories(self) -> None:
        if self.conf.store.scheme != "memory":
            self.conf.tabledir.mkdir(parents=True, exist_ok=True)

    async def stop(self) -> None:
        """Stop; a second caller waits for the first one's stop to end, too."""
        if self._ending is None:
            self._ending = asyncio.ensure_future(super().stop())
        await asyncio.shield(self._ending)

    def leave_on_stop(self) -> None:
        """Give the seat up with the stop; may be said until the member has closed, which is the last thing it does."""
        if self.member is not None:
            self.member.leave_on_close = True

    @property
    def has_left(self) -> bool:
        """Whether the broker has confirmed that the seat was given up."""
        return self.member is not None and bool(self.member.has_left)

    # --- membership ---------------------------------------------------------------------------------------------------

    @property
    def member(self) -> Any:
        """This worker's member of the group, or None before it has connected."""
        return self._consumer.member if self._consumer is not None else None

    def heartbeat_age(self) -> float | None:
        """Seconds since the coordinator last confirmed the membership; None before it did."""
        member = self.member
        if member is None or member.last_heartbeat is None:
            return None
        return max(0.0, time.monotonic() - float(member.last_heartbeat))

    @property
    def heartbeat_interval(self) -> float:
        """Seconds between heartbeats: often enough for a lease as long as `failover_after`."""
        return min(self.settings.heartbeat_interval_ms / 1000, self.settings.failover_after / 3)

    def on_membership_failure(self, error: MembershipError) -> None:
        """Called in the consumer's thread when the membership cannot go on; the framework's worker ends the process."""
        self.loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self.crash(error)))

    def on_member_id(self, member_id: str) -> None:
        """Called in the consumer's thread when the broker has let this worker in, before it has an assignment."""

    def on_joined(self, joined: Joined) -> None:
        """Called in the consumer's thread after each join; the framework's worker tells supervisor and roster."""

    @property
    def connection(self) -> Connection:
        """How this process reaches the brokers beside its consumer and producer: for the roster and group admin."""
        assert self.identity is not None, "not bound"
        assert self.incarnation is not None, "not bound"
        return Connection.from_settings(self.settings, f"{self.client_id}-roster")

    @property
    def client_id(self) -> str:
        """This process as the broker shows it."""
        assert self.identity is not None, "not bound"
        assert self.incarnation is not None, "not bound"
        return self.identity.client_id(self.incarnation)

    def uncommitted(self) -> int:
        """How many records are finished and not committed: after a kill they are done again."""
        return self._consumer.uncommitted() if self._consumer is not None else 0

    def in_flight(self) -> list[str]:
        """What is being processed now, as `topic[partition]@offset`; for the log of a stop that takes long."""
        with contextlib.suppress(RuntimeError):  # the set may change while another thread looks at it
            return self._consumer.in_flight() if self._consumer is not None else []
        return ["(changing)"]

    @property
    def consumer_loop(self) -> asyncio.AbstractEventLoop | None:
        """The event loop of the consumer's thread; None before there is one."""
        return self._consumer.thread.thread_loop if self._consumer is not None else None

    # --- Faust's settings and transport -------------------------------------------------------------------------------

    def _load_settings(self, *, silent: bool = False) -> Any:
        _, options = self._default_options
        ours = faust_options(self.settings)
        self._default_options = (self._default_options[0], {**ours, **options})
        return super()._load_settings(silent=silent)

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)

    async def probe_broker(self, timeout: float) -> None:
        """Ask the brokers once whether they are there; see `probe`."""
        await probe(self.settings.addresses, credentials_to_aiokafka_auth(self.conf.broker_credentials), timeout)


@contextlib.contextmanager
def _late_changes() -> Iterator[None]:
    """Let Faust's settings be changed: who we are is known only in the worker process, and Faust warns of that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AlreadyConfiguredWarning)
        yield
