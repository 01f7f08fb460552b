"""What follows from an identity."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from framework.identity import Identity, Incarnation

LEGAL = st.from_regex(r"[A-Za-z0-9._-]{1,249}", fullmatch=True).filter(lambda text: text not in {".", ".."})


def identity(group_instance_id: str | None) -> Identity:
    return Identity("app", group_instance_id, None, "flights", "box", "hostname", "the hostname stays the same")


@pytest.mark.parametrize("text", ["w", "flights-1-0", "a_b", "w.x", "flights-2.flights.shop"])
def test_a_url_shows_a_plain_id(text: str) -> None:
    assert identity(text).canonical_url(6066) == f"http://{text}:6066"


@pytest.mark.parametrize("text", ["W", "1", "1.2", "127.0.0.1", "a..b", "-a", "xn--a", "w" * 64, "w" * 249])
def test_a_url_hides_an_id_that_a_parser_could_change(text: str) -> None:
    url = identity(text).canonical_url(6066)
    assert url == identity(text).canonical_url(6066)
    assert len(url) == len("http://h:6066") + 32


@given(LEGAL)
def test_a_url_survives_parsing(text: str) -> None:
    url = identity(text).canonical_url(6066)
    assert str(URL(url)) == url
    assert URL(url).port == 6066
    assert f"http://{URL(url).host}:6066" == url


@given(LEGAL, LEGAL)
def test_two_ids_have_two_urls(one: str, other: str) -> None:
    assert (identity(one).canonical_url(1) == identity(other).canonical_url(1)) is (one == other)


def test_folders() -> None:
    assert identity("w-1").datadir(Path("data")) == Path("data/app/w-1")
    assert identity(None).datadir(Path("data")) == Path(f"data/app/dynamic-{os.getpid()}")


def test_the_client_id_names_the_incarnation() -> None:
    incarnation = Incarnation("box", 17, 1700000000000, "0a1b2c3d")
    assert identity("w-1").client_id(incarnation) == "w-1@box#1700000000000-0a1b2c3d"
    assert identity(None).client_id(incarnation) == "flights@box#1700000000000-0a1b2c3d"


def test_a_dynamic_member_has_a_url() -> None:
    assert URL(identity(None).canonical_url(6066)).port == 6066


def test_two_incarnations_differ() -> None:
    one, other = Incarnation.now(), Incarnation.now()
    assert one != other
    assert one.pid == os.getpid()
    assert one.start_ms <= other.start_ms
