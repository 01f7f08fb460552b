"""The settings, and the only reader of the environment; knows nothing of what the settings are used for."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from framework.errors import SettingsError
from framework.settings_reading import DEFAULT_ENV_FILE, PREFIX, Origin, gather
from framework.settings_rules import check_bootstrap_servers, check_name, contradictions, session_warnings, split_names
from framework.settings_wording import explain_errors, markdown_table

Role = Literal["primary", "standby"]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[str, AfterValidator(check_name)]
LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(lambda level: level.upper() if isinstance(level, str) else level),
]


def environment() -> Mapping[str, str]:
    """The environment as it is now, to hand to whoever must look at it: `{name: value}`, a copy."""
    return dict(os.environ)


def reference_markdown() -> str:
    """The table of all settings (name, type, default, meaning) in Markdown, as it stands in the README."""
    return markdown_table(Settings.model_fields)


class Settings(BaseSettings):
    """Everything that can be set, each as `FRAMEWORK_<NAME>`: argument before environment before `.env` before default.

    Raises:
        SettingsError: a value is malformed, values contradict each other, or a name is a misspelt setting; all of it in
            one message, one paragraph each.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )

    bootstrap_servers: Annotated[str, AfterValidator(check_bootstrap_servers)] = "127.0.0.1:9092"
    """Brokers to ask first: `host:port`, comma separated, IPv6 in brackets. Credentials do not belong here."""
    service: Name | None = None
    """Name of the service, first part of derived instance ids. Unset: the app's id."""
    instance_id: Name | None = None
    """The `group.instance.id` itself. Must be the same at every start of this worker, and different for each worker."""
    ordinal: Annotated[int, Field(ge=0)] | None = None
    """Number of this worker, from 0; the instance id becomes `<service>-<ordinal>`."""
    allow_dynamic: bool = False
    """Join as a dynamic member, with a rebalance at every restart, where no stable instance id is found."""
    session_timeout_ms: Annotated[int, Field(ge=1)] = 45000
    """Milliseconds without a heartbeat after which the broker gives the seat away: the time a restart may take."""
    heartbeat_interval_ms: Annotated[int, Field(ge=1)] = 1000
    """Milliseconds between heartbeats: how fast a worker notices a rebalance, or that it was replaced."""
    max_poll_interval_ms: Annotated[int, Field(ge=1)] = 300000
    """Milliseconds that the consumer may go without fetching before it leaves its group."""
    rebalance_timeout_ms: Annotated[int, Field(ge=1000)] = 60000
    """Milliseconds that the broker waits in a rebalance for members to join again."""
    commit_interval: Positive = 1.0
    """Seconds between commits of processed offsets: after a crash at most this much is processed twice."""
    max_in_flight: Annotated[int, Field(ge=1)] = 4096
    """Records that one stream may buffer before fetching pauses: more costs memory."""
    fast_delivery: bool = True
    """Deliver records to agents by the batch instead of one by one; `false` gives Faust's own way, and its pace."""
    agent_tries: Annotated[int, Field(ge=1)] = 3
    """How often an agent may fail at a record, in a row, before the worker ends with it uncommitted (fast delivery)."""
    broker_wait: NotNegative = 30.0
    """Seconds to wait at the start for a first answer of a broker; 0 gives up at once."""
    shutdown_grace: Positive = 25.0
    """Seconds that a graceful stop may take; a worker that needs longer is killed, its work in flight comes again."""
    restart_backoff_initial: Positive = 0.2
    """Seconds before a crashed worker is started again; doubles with each further crash."""
    restart_backoff_max: Positive = 10.0
    """Seconds that the wait before a restart never exceeds."""
    restart_limit: Annotated[int, Field(ge=0)] = 20
    """Crashes in a row after which the supervisor gives up; 0 gives up at the first."""
    restart_reset_after: NotNegative = 30.0
    """Seconds of running after which earlier crashes no longer count."""
    roster_interval: Annotated[float, Field(ge=0.1, le=60)] = 1.0
    """Seconds between a worker's entries in the roster; each state change is written at once."""
    fenced_policy: Literal["retry", "stop"] = "retry"
    """When another live process holds the seat: `retry` waits outside the group until it is free, `stop` ends."""
    fenced_max_attempts: Annotated[int, Field(ge=1)] = 120
    """Looks at a seat that another process holds, after which a waiting worker gives up."""
    fenced_backoff_initial: Positive = 0.5
    """Seconds before the first look; doubles with each further one."""
    fenced_backoff_max: Positive = 5.0
    """Seconds between two looks that are never exceeded."""
    fenced_reset_after: NotNegative = 60.0
    """Seconds of running after which earlier attempts no longer count."""
    role: Role = "primary"
    """What the workers are: `primary` processes records, `standby` keeps seats warm and takes them over."""
    standby_group: Name | None = None
    """Consumer group of the standby workers. Unset: `<the app's id>-standby`."""
    shadows: Annotated[tuple[Name, ...] | None, NoDecode, BeforeValidator(split_names)] = None
    """Seats that a standby shadows, comma separated. Unset: of M standbys, number k has each seat i, i mod M = k."""
    failover_after: Annotated[float, Field(ge=0.5, le=60)] = 3.0
    """Seconds of silence after which a standby takes a seat; until then a shadowed worker stops emitting by itself."""
    restart_budget: NotNegative = 10.0
    """Seconds that a worker which was stopped, or is being restarted, may be away before a standby takes its seat."""
    failback: Literal["never", "when_warm"] = "never"
    """A worker that finds its seat taken over: stays the spare, or asks to have it handed back when it is warm."""
    standby_max_lag: Annotated[int, Field(ge=0)] = 10000
    """Changelog records that a shadow may be behind and still count as warm."""
    standby_behind: Literal["take", "wait"] = "take"
    """A shadow that is further behind than that: takes a dead worker's seat all the same, or waits until it is warm."""
    state_once: bool = True
    """After a takeover or restart, an event whose change of a table has survived does not change it again."""
    leave_policy: Literal["auto", "always", "never"] = "auto"
    """Give the seat up at a stop: `auto` if the worker is not coming back (Ctrl-C, `leave`, scaled down), else keep."""
    http_host: Annotated[str, Field(min_length=1)] = "127.0.0.1"
    """Address to serve probes and the app's pages at; `0.0.0.0` opens them to the network, as Kubernetes needs."""
    http_port: Port = 6066
    """Port of the supervisor's probes; unset and taken: any free one. Pages of worker k: this port + 1 + k."""
    store: Literal["memory://", "rocksdb://"] = "memory://"
    """Where tables live: memory replays the whole changelog at a start, RocksDB only its tail (needs `rocksdict`)."""
    datadir: Path = Path("data")
    """Folder for tables on disk; each seat gets its own folder in it."""
    log_level: LogLevel = "INFO"
    """Least severity that is logged, in upper or lower case; INFO lines of Faust and the Kafka client need DEBUG."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """Form of the log: `auto` is `console` on a terminal and `json` elsewhere."""
    topic_partitions: Annotated[int, Field(ge=1)] = 8
    """Partitions of topics that the app creates; existing topics keep theirs. The most workers that can share work."""
    topic_replication_factor: Annotated[int, Field(ge=1)] = 1
    """Copies of each partition of topics that the app creates; 1 loses data with the broker that holds it."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to the brokers: `SSL` encrypts, `SASL` logs in."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    """How to log in with `SASL_PLAINTEXT` or `SASL_SSL`."""
    sasl_username: Annotated[str, Field(min_length=1)] | None = None
    """User to log in as."""
    sasl_password: Annotated[SecretStr, Field(min_length=1)] | None = None
    """Password to log in with; never shown."""
    ssl_cafile: Path | None = None
    """PEM file of the authorities to trust. Unset: those of the system."""
    ssl_certfile: Path | None = None
    """PEM file of the certificate that this client shows."""
    ssl_keyfile: Path | None = None
    """PEM file of the key of that certificate. Unset: the key is in the certificate's file."""
    ssl_key_password: Annotated[SecretStr, Field(min_length=1)] | None = None
    """Password of the key's file; never shown."""

    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)
    _strangers: tuple[str, ...] = PrivateAttr(default=())

    def __init__(
        self,
        _environ: Mapping[str, str] | None = None,
        _env_file: Path | None = DEFAULT_ENV_FILE,
        **overrides: Any,
    ) -> None:
        environ = environment() if _environ is None else _environ
        read = gather(tuple(type(self).model_fields), environ, _env_file, overrides)
        broken: dict[str, str] = {}
        try:
            super().__init__(**read.values)
        except ValidationError as error:
            broken = explain_errors(error, type(self).model_fields, read.values)
        if broken:
            # The sound values are validated alone, so that their contradictions are told in the same message.
            super().__init__(**{name: value for name, value in read.values.items() if name not in broken})
        clashes = [found.sentence for found in contradictions(self) if not found.fields & broken.keys()]
        if problems := [*read.problems, *broken.values(), *clashes]:
            raise SettingsError("\n".join(problems))
        self._origins = read.origins
        self._strangers = read.strangers

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        env_file: Path | None = DEFAULT_ENV_FILE,
        **overrides: Any,
    ) -> Self:
        """Read the settings.

        Args:
            environ: `{name: value}` to read instead of the environment of the process.
            env_file: file of `NAME=value` lines; None for no file. Only `.env` may be missing.
            overrides: values by field name that win over everything read; None counts as a value.

        Raises:
            SettingsError: a value is malformed, values contradict each other, or a name is a misspelt setting.
        """
        return cls(_environ=environ, _env_file=env_file, **overrides)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `gather` has read the others already: it takes the environment as an argument, keeps the origin of each value
        # and refuses unknown names.
        return (init_settings,)

    def sources(self) -> Mapping[str, Origin]:
        """Where each value came from: `{field: "default" | "environment" | ".env" | "argument"}`."""
        return {name: self._origins.get(name, "default") for name in type(self).model_fields}

    def warnings(self) -> tuple[str, ...]:
        """Sentences about values that a broker may refuse, and about `FRAMEWORK_` names that are no settings."""
        return session_warnings(self) + self._strangers

    @property
    def addresses(self) -> tuple[str, ...]:
        """The brokers to ask first, each as `host:port`."""
        return tuple(self.bootstrap_servers.split(","))

    @property
    def request_timeout(self) -> float:
        """Seconds to wait for an answer of a broker: 90, or 10 more than the session or rebalance timeout if greater.

        A JoinGroup is answered only when the rebalance ends, and Faust refuses a session longer than a request.
        """
        return max(90.0, self.session_timeout_ms / 1000 + 10, self.rebalance_timeout_ms / 1000 + 10)
