"""Asks a supervisor how it is, over HTTP; judges nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """One answer.

    Attributes:
        code: HTTP status; 200 is well.
        body: the JSON object that came with it.
    """

    code: int
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_well(self) -> bool:
        """Whether the answer says that all is well."""
        return self.code == 200

    @property
    def only_worker(self) -> Mapping[str, Any]:
        """The worker of a supervisor that has one."""
        (worker,) = self.body["workers"]
        return dict(worker)

    def says(self, *words: str) -> bool:
        """Whether every word stands somewhere in the answer, in upper or lower case."""
        text = json.dumps(self.body).lower()
        return all(word.lower() in text for word in words)


def ask(url: str, path: str) -> Health:
    """GET a page of JSON.

    Args:
        url: of the server, without a slash at the end.
        path: with a slash at the start.

    Raises:
        ConnectionError: nobody answers.
        ValueError: what came is no JSON object.
    """
    try:
        with urlopen(f"{url}{path}", timeout=PATIENCE) as answer:
            return Health(answer.status, _object(answer.read()))
    except HTTPError as refused:
        with refused:
            return Health(refused.code, _object(refused.read()))
    except (URLError, TimeoutError) as error:
        raise ConnectionError(f"{url}{path}: {error}") from error


def _object(body: bytes) -> Mapping[str, Any]:
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError(f"a JSON object was expected, and this came: {found!r}")
    return found
