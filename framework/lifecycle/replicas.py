"""How many replicas a StatefulSet is to have, asked of the Kubernetes API from inside one of its pods; decides nothing.

Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ and the API `apps/v1`.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import structlog

from framework.identity.names import clean_hostname, number_at_end

if TYPE_CHECKING:
    import aiohttp

log = structlog.get_logger(__name__)

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts `token`, `ca.crt` and `namespace` into each container."""

GRANT = (
    "Grant the pod's service account the verb 'get' on the resource 'statefulsets' of the API group 'apps' in this"
    " namespace, with a Role and a RoleBinding"
)


class _UnknownError(Exception):
    """Raised inside this module when the count cannot be had; `is_usual` where nothing is wrong."""

    def __init__(self, why: str, *, is_usual: bool = False) -> None:
        super().__init__(why)
        self.is_usual = is_usual


@dataclass(frozen=True, slots=True)
class _Question:
    """What to ask, of whom, and how to prove who asks."""

    url: str
    name: str
    token: str = field(repr=False)
    trusted: ssl.SSLContext


async def wanted_replicas(
    environ: Mapping[str, str], *, folder: Path = SERVICE_ACCOUNT, timeout: float = 1.0
) -> int | None:
    """The `spec.replicas` of the StatefulSet that this pod belongs to; its pods have ordinals below that.

    Needs the right to `get` `statefulsets` of the API group `apps`. Without it, outside Kubernetes, and whenever the
    API does not answer as it should, nobody knows: that is one line in the log and no error.

    Args:
        environ: the environment, `{name: value}`: `KUBERNETES_SERVICE_HOST` and `_PORT`, and `POD_NAME` or `HOSTNAME`.
        folder: where the service account is mounted; read anew each time, because its token is rotated.
        timeout: seconds that all of it may take.
    """
    try:
        return await _ask(_question(environ, folder), timeout)
    except _UnknownError as unknown:
        say = log.debug if unknown.is_usual else log.warning
        say("replicas.unknown", why=str(unknown))
        return None


def _question(environ: Mapping[str, str], folder: Path) -> _Question:
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT") or "443"
    if not host:
        raise _UnknownError("The process does not run in Kubernetes.", is_usual=True)
    name = _stateful_set(environ.get("POD_NAME") or environ.get("HOSTNAME") or "")
    token, namespace = _text(folder / "token"), _text(folder / "namespace")
    trusted = _trusted(folder / "ca.crt")
    address = f"[{host}]" if ":" in host else host
    url = f"https://{address}:{port}/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}"
    return _Question(url, name, token, trusted)


def _stateful_set(pod: str) -> str:
    """The name of the StatefulSet of the pod `<name>-<n>`."""
    first_label = clean_hostname(pod).partition(".")[0]
    if number_at_end(first_label) is None:
        raise _UnknownError(f"The pod's name {pod!r} does not have the form <StatefulSet>-<n>.", is_usual=True)
    return first_label.rpartition("-")[0]


def _text(file: Path) -> str:
    """What is in a file of the service account, without the line end."""
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError as error:
        # A pod with automountServiceAccountToken: false is an ordinary thing.
        raise _UnknownError(_no_account(error), is_usual=True) from error
    except ValueError as error:
        raise _UnknownError(_no_account(error)) from error


def _trusted(file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(file))
    except (OSError, ValueError) as error:
        is_missing = isinstance(error, FileNotFoundError)
        raise _UnknownError(_no_account(error, file), is_usual=is_missing) from error


def _no_account(error: Exception, file: Path | None = None) -> str:
    which = f"{file}: " if file else ""
    return (
        f"The service account cannot be read ({which}{error}). Mount it (automountServiceAccountToken: true) if the"
        " workers are to know how many replicas the StatefulSet has."
    )


async def _ask(question: _Question, timeout: float) -> int:
    # aiohttp takes a fifth of a second to import, which only a worker in Kubernetes needs.
    import aiohttp

    limit = aiohttp.ClientTimeout(total=timeout)
    headers = {"Authorization": f"Bearer {question.token}", "Accept": "application/json"}
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, headers=headers) as session,
            # The API does not redirect, and the token is for nobody else.
            session.get(question.url, ssl=question.trusted, allow_redirects=False) as answer,
        ):
            return await _count_in(answer, question.name)
    except TimeoutError as error:
        raise _UnknownError(f"The Kubernetes API at {question.url} did not answer within {timeout} s.") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _UnknownError(f"The Kubernetes API at {question.url} cannot be asked: {error!r}.") from error


async def _count_in(answer: "aiohttp.ClientResponse", name: str) -> int:
    if answer.status in (401, 403):
        raise _UnknownError(
            f"The Kubernetes API refuses to show the StatefulSet {name} (status {answer.status}). {GRANT}; without it"
            " only 'framework scale' tells a worker that it is not coming back."
        )
    if answer.status == 404:
        raise _UnknownError(f"There is no StatefulSet {name}: it was deleted, or the pod has none.", is_usual=True)
    if answer.status != 200:
        raise _UnknownError(f"The Kubernetes API answered with status {answer.status} for the StatefulSet {name}.")
    return _replicas(await answer.read())


def _replicas(body: bytes) -> int:
    """The count in a StatefulSet as JSON, counted from ordinal 0 also where the set begins with a later one."""
    try:
        spec = orjson.loads(body)["spec"]
        found = [spec["replicas"], (spec.get("ordinals") or {}).get("start", 0)]
    except (ValueError, KeyError, TypeError, AttributeError):
        found = [None]
    if any(type(number) is not int or number < 0 for number in found):
        raise _UnknownError("What the Kubernetes API answered is no StatefulSet with spec.replicas.")
    return sum(found)
