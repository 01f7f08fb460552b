"""Settings: where values come from, what is refused, and that all of it is said at once without telling a secret."""

import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import SettingsError
from framework.settings import Settings, reference_markdown

SECRET = "hunter2-geheim"


def load(env_file: Path | None = None, **environ: str) -> Settings:
    return Settings.load({f"FRAMEWORK_{name}": value for name, value in environ.items()}, env_file)


def refusal(env_file: Path | None = None, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(env_file, **environ)
    return str(caught.value)


def test_defaults() -> None:
    settings = load()
    assert settings.addresses == ("127.0.0.1:9092",)
    assert settings.service is None
    assert (settings.session_timeout_ms, settings.heartbeat_interval_ms) == (45000, 1000)
    assert settings.datadir == Path("data")
    assert set(settings.sources().values()) == {"default"}
    assert settings.sources().keys() == Settings.model_fields.keys()


def test_argument_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_text("FRAMEWORK_SERVICE=file\nFRAMEWORK_HTTP_PORT=1\nFRAMEWORK_ORDINAL=1\nOTHER=x\n", encoding="utf-8")
    environ = {"FRAMEWORK_HTTP_PORT": "2", "FRAMEWORK_ORDINAL": "2", "HOME": "/"}
    settings = Settings.load(environ, file, ordinal=3)
    assert (settings.service, settings.http_port, settings.ordinal) == ("file", 2, 3)
    sources = settings.sources()
    assert sources["service"] == ".env"
    assert sources["http_port"] == "environment"
    assert sources["ordinal"] == "argument"
    assert sources["store"] == "default"


def test_dot_env_of_the_current_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.load({}).service is None
    (tmp_path / ".env").write_text("FRAMEWORK_SERVICE=here\n", encoding="utf-8")
    assert Settings.load({}).service == "here"
    assert Settings.load({}, None).service is None


def test_the_constructor_reads_the_environment_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAMEWORK_SERVICE", "flights")
    assert Settings().service == Settings.load().service == "flights"


def test_a_dollar_in_the_file_means_itself(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_text("FRAMEWORK_DATADIR=${HOME}/x\n", encoding="utf-8")
    assert load(file).datadir == Path("${HOME}/x")


def test_a_named_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path / "gone.env")
    assert "gone.env cannot be read: No such file or directory" in message


def test_a_name_without_value_in_the_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_text("FRAMEWORK_SERVICE\n", encoding="utf-8")
    assert "write FRAMEWORK_SERVICE=value" in refusal(file)


def test_an_unknown_name_is_refused_with_the_closest_one(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_text(f"FRAMEWORK_SASL_PASWORD={SECRET}\n", encoding="utf-8")
    message = refusal(file, HARTBEAT_INTERVAL_MS="1")
    assert "did you mean FRAMEWORK_HEARTBEAT_INTERVAL_MS?" in message
    assert "FRAMEWORK_SASL_PASWORD stands in .env" in message
    assert "did you mean FRAMEWORK_SASL_PASSWORD?" in message
    assert SECRET not in message
    with pytest.raises(SettingsError, match="did you mean service"):
        Settings.load({}, None, servise="x")


def test_names_in_any_case_are_read_and_upper_case_wins() -> None:
    assert Settings.load({"framework_service": "a"}, None).service == "a"
    assert Settings.load({"framework_service": "a", "FRAMEWORK_SERVICE": "b"}, None).service == "b"


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1:9092", "kafka-0.kafka:9092,kafka-1.kafka:9092", "[::1]:9092", "a:1, [fe80::1]:65535"],
)
def test_brokers_that_are_understood(text: str) -> None:
    assert ",".join(load(BOOTSTRAP_SERVERS=text).addresses) == text.replace(" ", "")


@pytest.mark.parametrize("text", ["", "host", "host:", "host:0", "host:65536", ":9092", "a:1,,b:2", "::1:9092", "a:x"])
def test_brokers_that_are_no_addresses(text: str) -> None:
    message = refusal(BOOTSTRAP_SERVERS=text)
    assert "FRAMEWORK_BOOTSTRAP_SERVERS is" in message
    assert "set for example 127.0.0.1:9092" in message


@pytest.mark.parametrize(
    "text",
    [
        f"joe:{SECRET}@host:9092",
        f"kafka://joe:{SECRET}@host:9092",
        f"host:1,joe:{SECRET}@host:9092",
        f"joe:{SECRET}%40host:9092",
        f"kafka://{SECRET}:9092",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(text: str) -> None:
    message = refusal(BOOTSTRAP_SERVERS=text)
    assert "FRAMEWORK_SASL_PASSWORD" in message
    assert SECRET not in message


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("ORDINAL", "-1", "a whole number of at least 0"),
        ("ORDINAL", "two", "a whole number of at least 0"),
        ("ALLOW_DYNAMIC", "perhaps", "true or false"),
        ("HTTP_PORT", "0", "a whole number from 1 to 65535"),
        ("HTTP_PORT", "65536", "a whole number from 1 to 65535"),
        ("COMMIT_INTERVAL", "0", "a number above 0"),
        ("SHUTDOWN_GRACE", "nan", "a number above 0"),
        ("SHUTDOWN_GRACE", "inf", "a number above 0"),
        ("BROKER_WAIT", "-0.1", "a number of at least 0"),
        ("REBALANCE_TIMEOUT_MS", "999", "a whole number of at least 1000"),
        ("STORE", "sqlite://", "one of memory://, rocksdb://"),
        ("LOG_LEVEL", "loud", "one of DEBUG, INFO, WARNING, ERROR"),
        ("SASL_MECHANISM", "GSSAPI", "one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
    ],
)
def test_malformed_values_are_told_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    assert f"FRAMEWORK_{name} is {value!r}; allowed is {allowed}." in refusal(**{name: value})


def test_log_level_in_any_case() -> None:
    assert load(LOG_LEVEL="debug").log_level == "DEBUG"


@pytest.mark.parametrize("name", ["INSTANCE_ID", "SERVICE"])
@pytest.mark.parametrize("text", ["", " ", ".", "..", "a:b", "a=b", "w" * 250, "w\n", "wörker"])
def test_illegal_names_are_refused(name: str, text: str) -> None:
    assert f"FRAMEWORK_{name} is" in refusal(**{name: text})


def test_all_contradictions_come_in_one_error(tmp_path: Path) -> None:
    message = refusal(
        HEARTBEAT_INTERVAL_MS="400",
        SESSION_TIMEOUT_MS="1000",
        INSTANCE_ID="w",
        ORDINAL="1",
        RESTART_BACKOFF_INITIAL="20",
        SASL_USERNAME="joe",
        SSL_KEYFILE=str(tmp_path / "key.pem"),
        HTTP_PORT="none",
        LOG_LEVL="1",
    )
    for part in (
        "FRAMEWORK_HEARTBEAT_INTERVAL_MS is 400 and FRAMEWORK_SESSION_TIMEOUT_MS is 1000",
        "FRAMEWORK_INSTANCE_ID is 'w' and FRAMEWORK_ORDINAL is 1",
        "FRAMEWORK_RESTART_BACKOFF_INITIAL is 20.0 and FRAMEWORK_RESTART_BACKOFF_MAX is 10.0",
        "FRAMEWORK_SASL_USERNAME is 'joe' and FRAMEWORK_SECURITY_PROTOCOL is 'PLAINTEXT'",
        f"FRAMEWORK_SSL_KEYFILE is '{tmp_path / 'key.pem'}' and FRAMEWORK_SECURITY_PROTOCOL is 'PLAINTEXT'",
        "FRAMEWORK_SSL_CERTFILE is not set",
        "which is not a file",
        "FRAMEWORK_HTTP_PORT is 'none'",
        "FRAMEWORK_LOG_LEVL is set in the environment",
    ):
        assert part in message
    assert len(message.splitlines()) == 9


def test_a_malformed_value_is_not_told_twice() -> None:
    assert len(refusal(HEARTBEAT_INTERVAL_MS="x", SESSION_TIMEOUT_MS="1").splitlines()) == 1


def test_a_heartbeat_of_a_third_of_the_session_is_fine() -> None:
    assert load(HEARTBEAT_INTERVAL_MS="2000", SESSION_TIMEOUT_MS="6000").warnings() == ()


def test_a_session_outside_the_brokers_default_limits_is_only_a_warning() -> None:
    (warning,) = load(SESSION_TIMEOUT_MS="3000").warnings()
    assert "FRAMEWORK_SESSION_TIMEOUT_MS is 3000" in warning


@pytest.mark.parametrize("given_names", [("MECHANISM",), ("USERNAME", "PASSWORD"), ()])
def test_a_login_needs_mechanism_user_and_password(given_names: tuple[str, ...]) -> None:
    values = {"MECHANISM": "PLAIN", "USERNAME": "joe", "PASSWORD": SECRET}
    message = refusal(SECURITY_PROTOCOL="SASL_SSL", **{f"SASL_{name}": values[name] for name in given_names})
    assert "FRAMEWORK_SECURITY_PROTOCOL is 'SASL_SSL'" in message
    for name in values.keys() - set(given_names):
        assert f"FRAMEWORK_SASL_{name}" in message


def test_files_and_protocols_that_fit(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).touch()
    settings = load(
        SECURITY_PROTOCOL="SASL_SSL",
        SASL_MECHANISM="PLAIN",
        SASL_USERNAME="joe",
        SASL_PASSWORD=SECRET,
        SSL_CAFILE=str(tmp_path / "ca"),
        SSL_CERTFILE=str(tmp_path / "cert"),
        SSL_KEYFILE=str(tmp_path / "key"),
        SSL_KEY_PASSWORD=SECRET,
    )
    assert settings.sasl_password is not None
    assert settings.sasl_password.get_secret_value() == SECRET


def test_encryption_settings_do_not_fit_a_login_in_plain_text() -> None:
    message = refusal(
        SECURITY_PROTOCOL="SASL_PLAINTEXT",
        SASL_MECHANISM="PLAIN",
        SASL_USERNAME="joe",
        SASL_PASSWORD=SECRET,
        SSL_KEY_PASSWORD=SECRET,
    )
    assert "FRAMEWORK_SSL_KEY_PASSWORD is '**********' and FRAMEWORK_SECURITY_PROTOCOL is 'SASL_PLAINTEXT'" in message
    assert SECRET not in message


def test_rocksdb_needs_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install 'framework[rocksdb]'" in refusal(STORE="rocksdb://")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert load(STORE="rocksdb://").store == "rocksdb://"


@pytest.mark.parametrize(
    ("session", "rebalance", "expected"), [(45000, 60000, 90), (100000, 60000, 110), (45000, 120000, 130)]
)
def test_request_timeout_exceeds_session_and_rebalance(session: int, rebalance: int, expected: float) -> None:
    settings = load(SESSION_TIMEOUT_MS=str(session), REBALANCE_TIMEOUT_MS=str(rebalance))
    assert settings.request_timeout == expected


def test_settings_cannot_be_changed() -> None:
    settings: Any = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.http_port = 1


@pytest.mark.parametrize("protocol", ["SASL_SSL", "PLAINTEXT"])
def test_secrets_are_in_no_text_and_in_no_chained_error(protocol: str) -> None:
    environ = {"SECURITY_PROTOCOL": protocol, "SASL_PASSWORD": SECRET, "HTTP_PORT": "x"}
    with pytest.raises(SettingsError) as caught:
        load(**environ)
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None
    fine = load(SECURITY_PROTOCOL="SASL_SSL", SASL_MECHANISM="PLAIN", SASL_USERNAME="joe", SASL_PASSWORD=SECRET)
    assert SECRET not in f"{fine!r} {fine} {fine.model_dump_json()} {fine.sources()}"


def test_settings_travel_to_another_process() -> None:
    settings = load(SERVICE="flights")
    again = pickle.loads(pickle.dumps(settings))
    assert again == settings
    assert again.sources() == settings.sources()


def test_the_reference_names_every_setting_with_its_meaning() -> None:
    rows = reference_markdown().splitlines()[2:]
    assert len(rows) == len(Settings.model_fields)
    for row, (name, field) in zip(rows, Settings.model_fields.items(), strict=True):
        assert row.startswith(f"| `FRAMEWORK_{name.upper()}` | ")
        assert field.description


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), st.text(max_size=20)))
def test_any_text_is_either_taken_or_refused_with_a_settings_error(values: dict[str, str]) -> None:
    with suppress(SettingsError):
        Settings.load({f"FRAMEWORK_{name.upper()}": text for name, text in values.items()}, None)


def test_a_name_that_resembles_no_setting_is_a_warning() -> None:
    found = Settings.load({"FRAMEWORK_OWNER": "team-a"}, None).warnings()
    assert any("FRAMEWORK_OWNER" in sentence for sentence in found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FRAMEWORK_SERVICE_HOST", "10.0.0.1"),
        ("FRAMEWORK_SERVICE_PORT", "80"),
        ("FRAMEWORK_PORT", "tcp://10.0.0.1:80"),
        ("FRAMEWORK_PORT_80_TCP_ADDR", "10.0.0.1"),
    ],
)
def test_variables_that_kubernetes_adds_for_a_service_called_framework_are_passed_over(name: str, value: str) -> None:
    assert Settings.load({name: value}, None).warnings() == ()


def test_seats_to_shadow_are_a_list_with_commas() -> None:
    settings = load(SHADOWS=" w-0, w-1")
    assert settings.shadows == ("w-0", "w-1")
    assert load().shadows is None
    with pytest.raises(SettingsError, match="FRAMEWORK_SHADOWS"):
        load(SHADOWS="w-0,,w-1")
    [row] = [row for row in reference_markdown().splitlines() if "`FRAMEWORK_SHADOWS`" in row]
    assert "| names, comma separated |" in row
