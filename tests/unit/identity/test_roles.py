"""What a standby is called, so that it is never taken for a worker of the primary group."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.errors import IllegalInstanceIdError, UnstableIdentityError
from framework.identity import (
    HostFacts,
    Identity,
    Role,
    explain,
    group_id_of,
    home_shadow_id,
    is_home_shadow,
    resolve,
)
from framework.instance_id import fault_in_name
from framework.settings import Settings

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
LEGAL = st.from_regex(r"[A-Za-z0-9._-]{1,249}", fullmatch=True).filter(lambda text: text not in {".", ".."})


def who(
    hostname: str = "localhost",
    environ: dict[str, str] | None = None,
    *,
    role: Role = "standby",
    slot: int = 0,
    slots: int = 1,
    **values: Any,
) -> Identity:
    host = HostFacts(hostname, lambda: "", False, lambda: None)
    settings = Settings.load({}, None, **values)
    return resolve(settings, app_id="flights", slot=slot, slots=slots, role=role, environ=environ or {}, host=host)


class TestStandby:
    @pytest.mark.parametrize(
        ("hostname", "environ", "values", "expected"),
        [
            ("localhost", {}, {"ordinal": 0}, "flights-standby-0"),
            ("localhost", {}, {"ordinal": 3, "service": "w"}, "w-standby-3"),
            ("localhost", {}, {"instance_id": "w-0"}, "w-0-standby"),
            ("localhost", {}, {"instance_id": "standby-of-w"}, "standby-of-w"),
            ("localhost", {}, {"ordinal": 1, "service": "standby-w"}, "standby-w-standby-1"),
            ("flights-standby-2", POD, {}, "flights-standby-2"),
            ("flights-spare-2", POD, {}, "flights-spare-2-standby"),
            ("localhost", {"POD_INDEX": "2"}, {}, "flights-standby-2"),
            ("box", {}, {}, "flights-standby-box"),
        ],
    )
    def test_its_id_says_what_it_is_once(
        self, hostname: str, environ: dict[str, str], values: dict[str, Any], expected: str
    ) -> None:
        assert who(hostname, environ, **values).group_instance_id == expected

    def test_several_of_one_supervisor(self) -> None:
        found = [who(ordinal=1, slot=slot, slots=2).group_instance_id for slot in range(2)]
        assert found == ["flights-standby-1-0", "flights-standby-1-1"]

    def test_same_source_and_number_as_a_primary(self) -> None:
        primary, standby = who(ordinal=1, role="primary"), who(ordinal=1)
        assert (standby.ordinal, standby.source, standby.why) == (primary.ordinal, primary.source, primary.why)
        assert (primary.group_id, standby.group_id) == ("flights", "flights-standby")
        assert (primary.group_instance_id, primary.service) == ("flights-1", "flights")

    @pytest.mark.parametrize("hostname", ["3f2a9c0b1d4e", "localhost"])
    def test_there_is_no_dynamic_one(self, hostname: str) -> None:
        """It is found again in the roster by its id."""
        assert who(hostname, role="primary", allow_dynamic=True).group_instance_id is None
        with pytest.raises(UnstableIdentityError):
            who(hostname, allow_dynamic=True)

    def test_id_that_gets_too_long_by_it_is_refused(self) -> None:
        assert who(instance_id="w" * 241).group_instance_id == "w" * 241 + "-standby"
        with pytest.raises(IllegalInstanceIdError):
            who(instance_id="w" * 242)

    @given(LEGAL.filter(lambda text: "standby" not in text and len(text) <= 241))
    def test_no_primary_with_the_same_settings_has_its_id(self, instance_id: str) -> None:
        primary, standby = (who(role=role, instance_id=instance_id) for role in ("primary", "standby"))
        assert primary.group_instance_id != standby.group_instance_id


class TestGroup:
    def test_its_name_follows_from_the_apps(self) -> None:
        settings = Settings.load({}, None)
        assert group_id_of(settings, "flights", "primary") == "flights"
        assert group_id_of(settings, "flights", "standby") == "flights-standby"

    def test_a_setting_names_it(self) -> None:
        settings = Settings.load({}, None, standby_group="spares")
        assert group_id_of(settings, "flights", "standby") == "spares"
        assert group_id_of(settings, "flights", "primary") == "flights"
        assert who(ordinal=0, standby_group="spares").group_id == "spares"


class TestHomeShadow:
    def test_primary_shadows_its_own_seat_under_another_name(self) -> None:
        assert home_shadow_id("flights-0") == "flights-0-shadow"

    @given(LEGAL)
    def test_it_is_legal_however_long_the_seat_is(self, seat: str) -> None:
        found = home_shadow_id(seat)
        assert fault_in_name(found) is None
        assert is_home_shadow(found)
        assert found == home_shadow_id(seat)

    @pytest.mark.parametrize("standby_id", ["flights-standby-0", "w-0-standby", "shadow"])
    def test_worker_of_the_standby_group_is_none(self, standby_id: str) -> None:
        assert not is_home_shadow(standby_id)


def test_chain_shows_the_id_of_the_role() -> None:
    host = HostFacts("box", lambda: "", False, lambda: None)
    settings = Settings.load({}, None, ordinal=4)
    for role, expected in (("primary", "flights-4"), ("standby", "flights-standby-4")):
        chosen = [
            row.value
            for row in explain(settings, app_id="flights", role=role, environ={}, host=host)  # type: ignore[arg-type]
            if row.outcome.startswith("chosen")
        ]
        assert chosen == [expected]


def test_chain_shows_a_refused_name_as_it_was_found() -> None:
    host = HostFacts("3f2a9c0b1d4e", lambda: "", False, lambda: None)
    table = explain(Settings.load({}, None), app_id="flights", role="standby", environ={}, host=host)
    assert {row.value for row in table if row.outcome.startswith("refused")} == {"3f2a9c0b1d4e"}
