"""An app that shadows, is promoted, and is back at home: what follows its identity and what does not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from framework import App, Settings, SettingsError
from framework.streams.lease import Lease


def app_of(**values: Any) -> App:
    return App("shop", settings=Settings.load(environ={}, env_file=None, **values))


def bound(role: Any = None, **values: Any) -> App:
    app = app_of(ordinal=2, **values)
    app.bind(role=role)
    return app


class TestBind:
    def test_primary_has_a_home_and_no_name_in_the_standby_group(self) -> None:
        app = bound()
        assert (app.role, app.home, app.standby_id) == ("primary", "shop-2", "")
        assert app.identity is not None
        assert (app.identity.group_id, app.identity.group_instance_id) == ("shop", "shop-2")

    def test_standby_has_no_home(self) -> None:
        app = bound("standby")
        assert (app.role, app.home, app.standby_id) == ("standby", None, "shop-standby-2")
        assert app.identity is not None
        assert (app.identity.group_id, app.identity.group_instance_id) == ("shop-standby", "shop-standby-2")

    def test_role_is_that_of_the_settings_unless_it_is_named(self) -> None:
        assert bound(role="standby").role == "standby"
        app = app_of(role="standby", ordinal=2)
        app.bind()
        assert app.role == "standby"
        app.bind(role="primary")
        assert app.role == "primary"

    @pytest.mark.parametrize("role", ["primary", "standby"])
    def test_standby_group_that_is_the_apps_own_is_refused(self, role: Any) -> None:
        with pytest.raises(SettingsError, match="FRAMEWORK_STANDBY_GROUP is 'shop'"):
            bound(role, standby_group="shop")


class TestMoves:
    def test_everything_that_names_the_worker_follows(self) -> None:
        app = bound("standby")
        names = {app.client_id.partition("@")[0]}
        before = app.client_id.partition("@")[2]
        for move, standby_id, group_id, seat in [
            (lambda: app.promote("shop-0"), "shop-standby-2", "shop", "shop-0"),
            (lambda: app.shadow("shop-standby-2"), "shop-standby-2", "shop-standby", "shop-standby-2"),
        ]:
            identity = move()
            assert identity is app.identity
            assert (identity.group_id, identity.group_instance_id, app.standby_id) == (group_id, seat, standby_id)
            assert app.conf.consumer_group_instance_id == seat
            assert app.conf.broker_client_id == app.client_id
            assert app.client_id == f"{seat}@{before}", "the process stays the same"
            assert app.conf.reply_to == f"shop-reply-{seat}"
            assert str(app.conf.canonical_url).startswith(f"http://{seat}:")
            assert app.connection.client_id == f"{app.client_id}-roster"
            names.add(seat)
        assert names == {"shop-standby-2", "shop-0"}

    def test_tables_stay_where_they_are(self, tmp_path: Path) -> None:
        """A takeover takes them along: on disk they are named after the process that made them."""
        app = bound("standby", datadir=tmp_path)
        folders = (app.conf.datadir, app.conf.tabledir)
        assert Path(folders[0]) == tmp_path / "shop-standby" / "shop-standby-2"
        app.promote("shop-0")
        assert (app.conf.datadir, app.conf.tabledir) == folders
        app.shadow("shop-standby-2")
        assert (app.conf.datadir, app.conf.tabledir) == folders

    def test_group_of_the_app_is_always_the_primary_one(self) -> None:
        app = bound("standby")
        assert app.id == app.conf.id == "shop"
        app.promote("shop-0")
        assert app.id == app.conf.id == "shop"

    def test_primary_that_comes_home_is_no_spare_any_more(self) -> None:
        app = bound()
        app.shadow("shop-2-shadow")
        assert (app.standby_id, app.home) == ("shop-2-shadow", "shop-2")
        assert app.identity is not None
        assert app.identity.group_id == "shop-standby"
        app.promote("shop-2")
        assert (app.standby_id, app.home) == ("", "shop-2")
        assert app.conf.consumer_group_instance_id == "shop-2"

    def test_one_in_the_seat_of_another_is_a_spare(self) -> None:
        app = bound()
        app.shadow("shop-2-shadow")
        app.promote("shop-0")
        assert app.standby_id == "shop-2-shadow"

    def test_number_and_service_stay(self) -> None:
        app = bound("standby")
        before = app.identity
        after = app.promote("shop-0")
        assert before is not None
        assert (after.ordinal, after.service, after.source) == (before.ordinal, before.service, before.source)

    def test_who_is_not_bound_cannot_move(self) -> None:
        for move in (app_of().shadow, app_of().promote):
            with pytest.raises(AssertionError, match="not bound"):
                move("shop-0")


@pytest.mark.parametrize(
    ("settings", "interval"),
    [
        ({}, 1.0),
        ({"heartbeat_interval_ms": 500}, 0.5),
        ({"failover_after": 1.5}, 0.5),
        ({"failover_after": 1.5, "heartbeat_interval_ms": 300}, 0.3),
    ],
)
def test_heartbeats_are_often_enough_for_a_lease(settings: dict[str, Any], interval: float) -> None:
    assert app_of(**settings).heartbeat_interval == pytest.approx(interval)


def test_app_that_nobody_shadows_may_always_emit() -> None:
    app = app_of()
    assert isinstance(app.lease, Lease)
    assert app.lease.duration is None
    assert app.lease.is_held()


def test_two_apps_have_signals_of_their_own() -> None:
    one, other = app_of(), app_of()
    heard: list[Any] = []

    @one.on_promoted.connect
    async def on_promoted(app: App, **told: Any) -> None:
        heard.append((app, told))

    import asyncio

    asyncio.run(other.on_promoted.send(seat="shop-0", kind="takeover"))
    assert heard == []
    asyncio.run(one.on_promoted.send(seat="shop-0", kind="takeover"))
    assert [(app is one, told["seat"], told["kind"]) for app, told in heard] == [(True, "shop-0", "takeover")]


def test_records_that_a_kill_would_repeat_are_counted() -> None:
    app: Any = app_of()
    assert app.uncommitted() == 0
    app._consumer = SimpleNamespace(uncommitted=lambda: 3)
    assert app.uncommitted() == 3
