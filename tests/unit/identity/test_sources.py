"""The chain of sources: what each finds, and which one wins."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import IllegalInstanceIdError, UnstableIdentityError
from framework.identity import HostFacts, Identity, explain, resolve
from framework.identity.sources import CHAIN
from framework.instance_id import fault_in_name
from framework.settings import Settings

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
UNIT = "0::/system.slice/system-flights.slice/flights@{}.service"


def settings(**values: Any) -> Settings:
    return Settings.load({}, None, **values)


def who(
    hostname: str = "localhost",
    environ: dict[str, str] | None = None,
    *,
    cgroup: str = "",
    in_docker: bool = False,
    ptr: str | None = None,
    slot: int = 0,
    slots: int = 1,
    **values: Any,
) -> Identity:
    host = HostFacts(hostname, lambda: cgroup, in_docker, lambda: ptr)
    return resolve(settings(**values), app_id="app", slot=slot, slots=slots, environ=environ or {}, host=host)


def test_explicit_id_wins_over_everything() -> None:
    identity = who("flights-2", {**POD, "POD_INDEX": "1", "NOMAD_ALLOC_INDEX": "4"}, instance_id="W.x")
    assert (identity.group_instance_id, identity.ordinal, identity.source) == ("W.x", None, "FRAMEWORK_INSTANCE_ID")


def test_ordinal_with_the_service_or_the_app() -> None:
    assert who(ordinal=3).group_instance_id == "app-3"
    identity = who(ordinal=0, service="flights")
    assert (identity.group_instance_id, identity.ordinal, identity.group_id) == ("flights-0", 0, "app")


def test_pod_index_and_nomad() -> None:
    identity = who("flights-7d4b9c6f5d-x2x9z", {"POD_INDEX": "2"})
    assert (identity.group_instance_id, identity.ordinal) == ("app-2", 2)
    assert who(environ={"NOMAD_ALLOC_INDEX": "5"}).group_instance_id == "app-5"
    assert who("box", {"POD_INDEX": ""}).group_instance_id == "app-box"
    for text in ("x", "-1", "1\n", "٣", "1" * 5000):
        assert who("box", {"POD_INDEX": text}).source == "hostname"


@pytest.mark.parametrize(
    ("hostname", "environ", "expected", "ordinal"),
    [
        ("flights-2", POD, "flights-2", 2),
        ("flights-2.flights.shop.svc.cluster.local", POD, "flights-2", 2),
        ("anything", {**POD, "POD_NAME": "flights-4"}, "flights-4", 4),
        ("anything-9", {"POD_NAME": "flights-4"}, "flights-4", 4),
        ("FLIGHTS-2.", POD, "flights-2", 2),
        ("flights-2", {}, "flights-2", None),
        ("ip-10-0-0-5", {}, "ip-10-0-0-5", None),
        ("flights-2.east", {}, "app-flights-2.east", None),
        ("flights-02", POD, "app-flights-02", None),
        ("box", {}, "app-box", None),
        ("Box.example.com.", {}, "app-box.example.com", None),
    ],
)
def test_names_that_stay(hostname: str, environ: dict[str, str], expected: str, ordinal: int | None) -> None:
    identity = who(hostname, environ)
    assert (identity.group_instance_id, identity.ordinal) == (expected, ordinal)


@pytest.mark.parametrize(
    ("hostname", "environ", "why"),
    [
        ("flights-7d4b9c6f5d-x2x9z", {}, "Deployment"),
        ("flights-7d4b9c6f5d-24567", POD, "Deployment"),
        ("flights-x2x9z", POD, "DaemonSet"),
        ("flights-24567", POD, "DaemonSet"),
        ("localhost", {"POD_NAME": "flights-7d4b9c6f5d-x2x9z"}, "Deployment"),
        ("3f2a9c0b1d4e", {}, "container id"),
        ("localhost.localdomain", {}, "the same on every machine"),
        ("", {}, "the hostname is empty"),
        ("b\N{LATIN SMALL LETTER O WITH DIAERESIS}x", {}, "Kafka allows only ASCII"),
    ],
)
def test_names_that_do_not_stay_are_refused_with_a_way_out(hostname: str, environ: dict[str, str], why: str) -> None:
    with pytest.raises(UnstableIdentityError) as caught:
        who(hostname, environ)
    message = str(caught.value)
    assert why in message
    for name in ("FRAMEWORK_INSTANCE_ID", "FRAMEWORK_ORDINAL", "FRAMEWORK_ALLOW_DYNAMIC"):
        assert name in message
    assert "\n" not in message


def test_systemd_template() -> None:
    assert who(cgroup=UNIT.format("3")).group_instance_id == "app-3"
    assert who(cgroup=UNIT.format("blue")).group_instance_id == "app-blue"
    assert who("box", cgroup=UNIT.format("0-10.0.0.1:22")).source == "hostname"


def test_compose_replica_is_asked_for_in_containers_only() -> None:
    assert who("3f2a9c0b1d4e", ptr="shop-flights-3.shop_default").group_instance_id == "app-3"
    assert who("box", ptr="shop-flights-3.shop_default", in_docker=True).group_instance_id == "app-3"
    assert who("box", ptr="shop-flights-3.shop_default").group_instance_id == "app-box"
    assert who("box", ptr="brave_curie.shop_default", in_docker=True).group_instance_id == "app-box"


def test_later_sources_are_not_asked() -> None:
    def must_not() -> str:
        raise AssertionError("was asked")

    host = HostFacts("3f2a9c0b1d4e", must_not, True, must_not)
    assert resolve(settings(ordinal=1), app_id="app", environ={}, host=host).group_instance_id == "app-1"


def test_dynamic_only_where_nothing_is_stable() -> None:
    identity = who(allow_dynamic=True)
    assert identity.group_instance_id is None
    assert "every restart moves partitions" in identity.why
    assert who(allow_dynamic=True, ordinal=1).group_instance_id == "app-1"


def test_slots_get_their_own_ids() -> None:
    ids = {who(slot=slot, slots=3, ordinal=1).group_instance_id for slot in range(3)}
    assert ids == {"app-1-0", "app-1-1", "app-1-2"}
    with pytest.raises(ValueError, match="slot must be"):
        who(slot=3, slots=3, ordinal=1)


def test_the_limit_counts_the_slot() -> None:
    assert who(instance_id="w" * 249).group_instance_id == "w" * 249
    assert who(instance_id="w" * 247, slots=2).group_instance_id == "w" * 247 + "-0"
    with pytest.raises(IllegalInstanceIdError, match="250 characters"):
        who(instance_id="w" * 248, slots=2)


def test_an_illegal_app_id_is_named_as_such() -> None:
    with pytest.raises(IllegalInstanceIdError, match="The app's id 'a/b'"):
        resolve(settings(ordinal=1), app_id="a/b", environ={}, host=HostFacts("box"))


def test_the_explanation_has_one_line_a_source() -> None:
    host = HostFacts("flights-7d4b9c6f5d-x2x9z")
    table = explain(settings(ordinal=1), app_id="app", environ={"NOMAD_ALLOC_INDEX": "5"}, host=host)
    assert [row.source for row in table] == [source.name for source in CHAIN]
    outcomes = {row.source: row for row in table}
    assert outcomes["FRAMEWORK_ORDINAL"].outcome.startswith("chosen")
    assert outcomes["FRAMEWORK_INSTANCE_ID"].value is None
    assert outcomes["Nomad allocation index"].outcome == "not needed: FRAMEWORK_ORDINAL comes first"
    assert outcomes["StatefulSet pod name"].stable is False
    assert outcomes["StatefulSet pod name"].outcome.startswith("refused")


NAMES = st.one_of(
    st.text(max_size=20),
    st.from_regex(r"[a-z0-9.-]{1,260}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
    st.from_regex(r"[a-z]+-[0-9]{1,3}", fullmatch=True),
)


@given(
    hostname=NAMES,
    environ=st.dictionaries(
        st.sampled_from(["POD_INDEX", "POD_NAME", "NOMAD_ALLOC_INDEX", "KUBERNETES_SERVICE_HOST"]), NAMES
    ),
    cgroup=st.one_of(st.text(max_size=30), st.builds(UNIT.format, NAMES)),
    ptr=st.one_of(st.none(), NAMES, st.builds("shop-{}-3.net".format, NAMES)),
    slots=st.integers(1, 12),
)
def test_what_is_chosen_is_legal_and_what_whoami_says(
    hostname: str, environ: dict[str, str], cgroup: str, ptr: str | None, slots: int
) -> None:
    host = HostFacts(hostname, lambda: cgroup, True, lambda: ptr)
    table = explain(settings(), app_id="app", environ=environ, host=host)
    chosen = [row for row in table if row.outcome.startswith("chosen")]
    try:
        identity = resolve(settings(), app_id="app", slot=slots - 1, slots=slots, environ=environ, host=host)
    except UnstableIdentityError:
        assert not chosen
    except IllegalInstanceIdError:
        assert len(chosen[0].value or "") > 240
    else:
        assert identity.group_instance_id is not None
        assert fault_in_name(identity.group_instance_id) is None
        suffix = f"-{slots - 1}" if slots > 1 else ""
        assert [row.value for row in chosen] == [identity.group_instance_id.removesuffix(suffix)]
        assert identity.datadir(Path("data")).parent == Path("data/app")


@given(hostname=NAMES, index=NAMES, explicit=st.from_regex(r"[A-Za-z0-9_-]{1,60}", fullmatch=True))
def test_explicit_always_wins(hostname: str, index: str, explicit: str) -> None:
    assert who(hostname, {"POD_INDEX": index}, instance_id=explicit).group_instance_id == explicit
