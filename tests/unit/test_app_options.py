"""What may be passed to `App`, what the settings decide, and that nothing else does."""

import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import pytest

from framework import App, Settings, SettingsError
from framework.identity import HostFacts
from framework.membership.assignor import SeatAssignor
from framework.membership.transport import Transport
from framework.options import FIXED, OURS, faust_options, refuse_unknown
from framework.settings_reading import PREFIX
from framework.streams.tables.manager import TableManager


def settings(**values: Any) -> Settings:
    return Settings.load(environ={}, env_file=None, **values)


def refused(**options: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        App("shop", settings=settings(), **options)
    return str(caught.value)


class TestOptions:
    def test_unknown_option_with_a_hint(self) -> None:
        assert refused(autodiscovr=True) == "App() got an unknown option 'autodiscovr'. Did you mean 'autodiscover'?"

    def test_unknown_option_without_one(self) -> None:
        assert refused(xyzzy=1) == "App() got an unknown option 'xyzzy'."

    @pytest.mark.parametrize(("option", "setting"), sorted(OURS.items()))
    def test_option_that_a_setting_decides_names_it(self, option: str, setting: str) -> None:
        message = refused(**{option: "x"})
        assert message == f"App() got {option!r}, which the framework decides: set {setting} instead."

    @pytest.mark.parametrize("option", sorted(FIXED))
    def test_option_with_one_right_value(self, option: str) -> None:
        assert refused(**{option: "x"}) == f"App() got {option!r}, which the framework has to decide: leave it out."

    def test_all_problems_are_told_at_once(self) -> None:
        message = refused(brokr="x", broker="kafka://elsewhere", xyzzy=1)
        assert "set FRAMEWORK_BOOTSTRAP_SERVERS" in message
        assert "'brokr'" in message
        assert "'xyzzy'" in message

    def test_a_hint_never_leads_to_an_option_that_is_refused(self) -> None:
        assert "Did you mean 'broker'" not in refused(brokers="x")

    @pytest.mark.parametrize("setting", sorted(set(OURS.values())))
    def test_each_setting_named_exists(self, setting: str) -> None:
        assert setting.removeprefix(PREFIX).lower() in Settings.model_fields

    @pytest.mark.parametrize("option", sorted(OURS.keys() | FIXED))
    def test_each_option_named_is_one_of_fausts(self, option: str) -> None:
        assert option in faust.Settings.setting_names()

    @pytest.mark.parametrize("option", sorted(faust.Settings.setting_names() - OURS.keys() - FIXED))
    def test_all_other_options_of_faust_may_be_passed(self, option: str) -> None:
        refuse_unknown([option])

    def test_they_arrive(self) -> None:
        app = App("shop", settings=settings(), stream_wait_empty=True, topic_allow_declare=False)
        assert app.conf.stream_wait_empty is True
        assert app.conf.topic_allow_declare is False


class TestSettings:
    def test_what_faust_is_told(self, tmp_path: Path) -> None:
        app = App(
            "shop",
            settings=settings(
                bootstrap_servers="a:1,b:2",
                session_timeout_ms=12000,
                heartbeat_interval_ms=500,
                max_poll_interval_ms=90000,
                rebalance_timeout_ms=20000,
                commit_interval=2.5,
                max_in_flight=7,
                datadir=tmp_path,
                topic_partitions=3,
            ),
        )
        conf = app.conf
        assert [str(url) for url in conf.broker] == ["kafka://a:1", "kafka://b:2"]
        assert conf.broker_session_timeout == 12.0
        assert conf.broker_heartbeat_interval == 0.5
        assert conf.broker_max_poll_interval == 90.0
        assert conf.broker_rebalance_timeout == 20.0
        assert conf.broker_commit_interval == 2.5
        assert conf.broker_request_timeout >= conf.broker_session_timeout
        assert conf.stream_buffer_maxsize == 7
        assert conf.topic_partitions == 3
        assert str(conf.store) == "memory:"
        assert conf.datadir == tmp_path
        assert app.id == "shop"

    def test_our_parts_are_used(self) -> None:
        app = App("shop", settings=settings())
        assert isinstance(app.assignor, SeatAssignor)
        assert isinstance(app.tables, TableManager)
        assert type(app.transport) is Transport
        assert type(app.producer_transport) is Transport

    def test_the_environment_that_faust_would_read_is_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {
            "BROKER_URL": "kafka://elsewhere:9",
            "FAUST_BROKER_URL": "kafka://elsewhere:9",
            "DATADIR": "/nowhere",
            "FAUST_DATADIR": "/nowhere",
            "WEB_PORT": "1",
            "NODE_HOSTNAME": "elsewhere",
            "NODE_CANONICAL_URL": "http://elsewhere",
            "BROKER_SESSION_TIMEOUT": "1",
            "TOPIC_PARTITIONS": "99",
            "APP_STORE": "rocksdb://",
            "CONSUMER_AUTO_OFFSET_RESET": "latest",
        }.items():
            monkeypatch.setenv(name, value)
        conf = App("shop", settings=settings()).conf
        assert [str(url) for url in conf.broker] == ["kafka://127.0.0.1:9092"]
        assert conf.datadir == Path("data")
        assert conf.web_port != 1
        assert "elsewhere" not in str(conf.canonical_url)
        assert conf.broker_session_timeout == 45.0
        assert conf.topic_partitions == 8
        assert conf.store.scheme == "memory"
        assert conf.consumer_auto_offset_reset == "earliest"

    def test_settings_are_read_when_they_are_first_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FRAMEWORK_SESSION_TIMEOUT_MS", "not a number")
        app = App("shop")
        with pytest.raises(SettingsError):
            _ = app.settings


class TestSecurity:
    def test_plaintext(self) -> None:
        assert faust_options(settings())["broker_credentials"] is None

    def test_tls(self) -> None:
        credentials = faust_options(settings(security_protocol="SSL"))["broker_credentials"]
        assert isinstance(credentials, faust.SSLCredentials)
        assert credentials.context.verify_mode is ssl.CERT_REQUIRED
        assert credentials.context.check_hostname

    @pytest.mark.parametrize(("protocol", "has_tls"), [("SASL_PLAINTEXT", False), ("SASL_SSL", True)])
    def test_sasl(self, protocol: str, has_tls: bool) -> None:
        found = faust_options(
            settings(
                security_protocol=protocol,
                sasl_mechanism="SCRAM-SHA-512",
                sasl_username="u",
                sasl_password="p",
            )
        )["broker_credentials"]
        assert (found.username, found.password, found.mechanism.value) == ("u", "p", "SCRAM-SHA-512")
        assert (found.ssl_context is not None) is has_tls
        assert found.protocol.value == protocol


class TestBind:
    def test_what_follows_from_the_identity(self, tmp_path: Path) -> None:
        app = App("shop", settings=settings(ordinal=2, datadir=tmp_path, http_port=7000))
        identity = app.bind(slot=1, slots=3)
        conf = app.conf
        assert identity.group_instance_id is not None
        assert conf.consumer_group_instance_id == identity.group_instance_id
        assert conf.broker_client_id.startswith(f"{identity.group_instance_id}@")
        assert str(conf.canonical_url) == identity.canonical_url(7002)
        assert conf.web_port == 7002
        assert conf.datadir == identity.datadir(tmp_path)
        assert conf.tabledir.is_relative_to(conf.datadir)
        assert conf.reply_to == f"shop-reply-{identity.group_instance_id}"

    def test_it_is_the_same_at_every_start(self) -> None:
        first, second = (App("shop", settings=settings(ordinal=2)) for _ in range(2))
        first.bind()
        second.bind()
        for name in ("consumer_group_instance_id", "canonical_url", "datadir", "tabledir", "reply_to"):
            assert getattr(first.conf, name) == getattr(second.conf, name), name

    def test_dynamic_member(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("framework.app.environment", dict)
        monkeypatch.setattr("framework.app.HostFacts", SimpleNamespace(here=lambda: HostFacts("localhost")))
        app = App("shop", settings=settings(allow_dynamic=True))
        assert app.bind().group_instance_id is None
        assert app.conf.consumer_group_instance_id is None


class TestPages:
    def test_no_server_without_a_page(self) -> None:
        assert not App("shop", settings=settings()).has_pages

    def test_a_page(self) -> None:
        app = App("shop", settings=settings())

        @app.page("/count/")
        async def count(_self: Any, _request: Any) -> None: ...

        assert app.has_pages

    def test_a_port_alone_is_for_the_supervisor(self) -> None:
        assert not App("shop", settings=settings(http_port=7000)).has_pages


def test_memory_tables_leave_no_folder_behind(tmp_path: Path) -> None:
    app = App("shop", settings=settings(ordinal=0, datadir=tmp_path / "data"))
    app.bind()
    app._create_directories()
    assert list(tmp_path.iterdir()) == []
