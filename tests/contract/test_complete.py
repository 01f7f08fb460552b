"""Every private name of a library that the framework uses stands in one of the contracts beside this file."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import framework
from tests.contract import (
    test_aiokafka,
    test_faust,
    test_faust_delivery,
    test_faust_fast,
    test_faust_shadow,
    test_faust_tables,
    test_multiprocessing,
    test_output,
    test_tables_fast,
)

FRAMEWORK = Path(framework.__file__).parent

ELSEWHERE = {
    "_exit": "os, documented",
    "_closed": "test_faust_delivery.test_attribute_of_a_fetcher",
    "_subscriptions": "test_faust_delivery.test_attribute_of_a_fetcher",
    "_tp_index": "test_faust_delivery.test_conductor_knows_the_channels_of_a_partition",
    "_topics": "test_aiokafka.TestRequests",
    "_crashed": "test_faust.test_crash_is_seen_from_outside",
    "_stopped": "test_faust.test_end_is_seen_from_outside",
    "_default_options": "test_faust.test_options_are_kept_until_the_settings_are_loaded",
    "_thread": "test_faust.test_attribute_of_a_consumer",
    "_fetcher": "test_aiokafka.test_attributes_of_a_consumer",
    "_coordinator": "test_aiokafka.test_attributes_of_a_consumer",
    "_fetchers": "test_faust_fast.test_attribute_of_a_reply_consumer",
    "_results": "test_faust_fast.test_barrier_keeps_its_answers_in_a_queue",
    "_bucket": "test_faust_fast.test_bucket_of_a_supervisor_waits_where_it_raises_nothing",
    "_sender": "test_aiokafka.test_sender_of_a_producer",
    "_conns": "test_aiokafka.test_connections_of_a_client",
    "_writer": "test_aiokafka.test_requests_are_written_in_one_go",
    "_protocol": "test_aiokafka.test_connections_of_a_client",
    "_transport": "tests/unit/test_closing.py, with real connections",
}
"""Names that are looked at in a test of their own."""


def known() -> set[str]:
    modules = (
        test_aiokafka,
        test_faust,
        test_faust_delivery,
        test_faust_fast,
        test_faust_shadow,
        test_faust_tables,
        test_multiprocessing,
        test_output,
        test_tables_fast,
    )
    named = {has.name for module in modules for has in module.NAMES}
    attributes = {*test_aiokafka.COORDINATOR_ATTRIBUTES, *test_aiokafka.CONSUMER_ATTRIBUTES}
    delivery = set(test_faust_delivery.CONSUMER_ATTRIBUTES.split())
    tables = {name for names in test_faust_tables.ATTRIBUTES.values() for name in names.split()}
    output = {part for name in test_output.ATTRIBUTES.split() for part in name.split(".")}
    output |= set(test_output.OTHER_ATTRIBUTES.split())
    fast = {*test_faust_fast.STREAM_ATTRIBUTES.split(), *test_faust_fast.QUEUE_ATTRIBUTES.split()}
    fast |= {*test_faust_fast.AGENT_ATTRIBUTES.split(), *test_faust_fast.FETCHER_ATTRIBUTES.split()}
    return fast | output | named | attributes | delivery | tables | ELSEWHERE.keys()


def own_names(tree: ast.AST) -> Iterator[str]:
    """What a module defines itself: functions, and attributes that its classes set or annotate."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def private_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            yield node.attr


OWN = {name for path in FRAMEWORK.rglob("*.py") for name in own_names(ast.parse(path.read_text(encoding="utf-8")))}


@pytest.mark.parametrize("path", sorted(FRAMEWORK.rglob("*.py")), ids=lambda path: str(path.relative_to(FRAMEWORK)))
def test_private_names_have_a_contract(path: Path) -> None:
    used = set(private_names(ast.parse(path.read_text(encoding="utf-8"))))
    missing = sorted(used - known() - OWN)
    assert not missing, (
        f"framework/{path.relative_to(FRAMEWORK)} uses {', '.join(missing)} of a library, and no contract says what it"
        " assumes: add it to the table of that library in tests/contract."
    )


def test_no_entry_outlives_its_use() -> None:
    source = "\n".join(path.read_text(encoding="utf-8") for path in FRAMEWORK.rglob("*.py"))
    unused = sorted(
        name for name in known() if name.startswith("_") and not name.startswith("__") and name not in source
    )
    assert not unused, f"No module of the framework uses {unused} any more: strike them."
