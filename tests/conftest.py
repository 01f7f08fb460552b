"""What all tests share: the framework's own pytest plugin, hypothesis' profile, the marker of tests with a broker."""

from pathlib import Path

import hypothesis
import pytest

import framework.testing

# What helpers assert is shown with its values, too.
pytest.register_assert_rewrite("tests.support")

BROKER_TESTS = Path(__file__).parent / "broker"

# No deadline: how long an example takes says more about the machine than about the code.
hypothesis.settings.register_profile(
    "framework", max_examples=60, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("framework")


def pytest_configure(config: pytest.Config) -> None:
    """Load the plugin also where the framework is only on the path, not installed."""
    if not config.pluginmanager.is_registered(framework.testing):
        config.pluginmanager.register(framework.testing, "framework")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything under `tests/broker`."""
    for item in items:
        if item.path.is_relative_to(BROKER_TESTS):
            item.add_marker(pytest.mark.broker)
