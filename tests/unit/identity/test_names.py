"""Which names of machines, pods and units stay the same after a restart."""

import pytest

from framework.identity.names import compose_number, number_at_end, systemd_instance, why_unstable


@pytest.mark.parametrize(
    ("name", "in_kubernetes", "why"),
    [
        ("", False, "empty"),
        ("localhost", False, "every machine"),
        ("localhost.localdomain", False, "every machine"),
        ("3f2a9c0b1d4e", False, "container id"),
        ("a" * 64, False, "container id"),
        ("3f2a9c0b1d4e.lan", False, "container id"),
        ("flights-7d4b9c6f5d-x2x9z", False, "Deployment"),
        ("flights-7d4b9c6f-x2x9z", False, "Deployment"),
        ("my-flights-7d4b9c6f5-24567", True, "Deployment"),
        ("flights-7d4b9c6f5d-x2x9z.pods.local", True, "Deployment"),
        ("flights-x2x9z", True, "DaemonSet"),
        ("flights-24567", True, "DaemonSet"),
    ],
)
def test_unstable(name: str, in_kubernetes: bool, why: str) -> None:
    assert why in (why_unstable(name, in_kubernetes=in_kubernetes) or "")


@pytest.mark.parametrize(
    ("name", "in_kubernetes"),
    [
        ("web", False),
        ("web.example.com", False),
        ("flights-0", True),
        ("flights-12345", True),  # 1 and 3 are not in the alphabet of random names
        ("flights-x2x9z", False),
        ("flights-abcde", True),
        ("flights-7d4b9c-x2x9z", False),
        ("3f2a9c0b1d4", False),
        ("3f2a9c0b1d4g", False),
        ("localhosts", False),
    ],
)
def test_stable(name: str, in_kubernetes: bool) -> None:
    assert why_unstable(name, in_kubernetes=in_kubernetes) is None


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("flights-0", 0),
        ("my-flights-12", 12),
        ("flights", None),
        ("flights-01", None),
        ("-1", None),
        ("flights-1x", None),
    ],
)
def test_number_at_end(name: str, number: int | None) -> None:
    assert number_at_end(name) == number


@pytest.mark.parametrize(
    ("ptr", "number"),
    [
        ("shop-flights-3.shop_default", 3),
        ("shop_flights_12.shop_default", 12),
        ("shop-flights-3.net-4.x", None),  # two readings
        ("shop-flights-run-1a2b3c4d5e6f.shop_default", None),
        ("flights.shop_default", None),
        ("shop-flights-0.shop_default", None),
        ("shop-flights-3", None),
    ],
)
def test_compose_number(ptr: str, number: int | None) -> None:
    assert compose_number(ptr) == number


@pytest.mark.parametrize(
    ("path", "instance"),
    [
        ("0::/system.slice/system-flights.slice/flights@3.service", "3"),
        ("1:name=systemd:/system.slice/flights@3.service", "3"),
        ("12:cpu:/\n0::/system.slice/flights@blue.service/worker", "blue"),
        (r"0::/system.slice/flights@a\x2db.service", "a-b"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/flights@3.service", "3"),
        ("0::/user.slice/user-1000.slice/user@1000.service/init.scope", None),
        ("0::/user.slice/user-1000.slice/user@1000.service", None),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.kde.konsole@1a2b.service", None),
        ("0::/system.slice/flights.service", None),
        ("0::/", None),
        ("", None),
    ],
)
def test_systemd_instance(path: str, instance: str | None) -> None:
    assert systemd_instance(path) == instance
