"""`framework leave`: asks the supervisor of this machine to stop its workers and give their seats up."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated

import typer

from framework.cli.showing import print_json
from framework.errors import CheckFailedError
from framework.lifecycle import control_client
from framework.lifecycle.control_client import Found, choose, find_supervisors
from framework.lifecycle.control_protocol import Accepted, Done, Progress
from framework.settings import environment

DEFAULT_TIMEOUT = 60.0


def leave(
    target: Annotated[str | None, typer.Argument(metavar="APP", help="The app, where several run here.")] = None,
    pid: Annotated[int | None, typer.Option(help="Process id of the supervisor, where several run here.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when every seat has been given up.")] = False,
    timeout: Annotated[float, typer.Option(min=0.0, help="Seconds to wait at most.")] = DEFAULT_TIMEOUT,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for machines.")] = False,
) -> None:
    """Stop the workers of this machine and leave the group: their partitions go to the others at once.

    With --wait it is a preStop hook for a worker that is not coming back: it returns when the broker has let every
    seat go, and fails with exit code 3 if one could not be left, or the time is up.
    """
    found = find_supervisors(environment(), target)
    if target is not None and not found:
        # For the message, which names those that are there.
        found = find_supervisors(environment())
    leaving = Leaving(choose(found, target, pid), is_told=not as_json)
    try:
        asyncio.run(_follow(leaving, wait, timeout))
    finally:
        if as_json:
            print_json(leaving.document())
    if leaving.done is not None and leaving.done.not_left:
        raise CheckFailedError(
            f"Ended without leaving the group: {', '.join(leaving.done.not_left)}. A seat that one of them"
            " held stays with its partitions until the session timeout is over. The log of the workers says why;"
            " `framework group remove` frees it at once."
        )
    if wait:
        leaving.say("Every seat has been given up.")


@dataclass(slots=True)
class Leaving:
    """How far it is; says it to a person as it goes.

    Attributes:
        supervisor: who was asked.
        is_told: whether a person reads it.
        is_accepted: whether the supervisor does it.
        workers: `{slot: the last that was heard}`.
        done: how it ended; None until every worker has.
    """

    supervisor: Found
    is_told: bool
    is_accepted: bool = False
    workers: dict[int, Progress] = field(default_factory=dict)
    done: Done | None = None

    def say(self, sentence: str) -> None:
        """Tell a person."""
        if self.is_told:
            typer.echo(sentence)

    def hear(self, reply: Accepted | Progress | Done) -> None:
        """Take in what the supervisor says."""
        if isinstance(reply, Accepted):
            self.is_accepted = True
            self.say(f"The supervisor with process id {self.supervisor.pid} stops its workers and leaves the group.")
        elif isinstance(reply, Progress):
            before, self.workers[reply.slot] = self.workers.get(reply.slot), reply
            if before is None or _outcome(before) != _outcome(reply):
                self.say(f"{reply.name}: {_outcome(reply)}")
        else:
            self.done = reply

    def document(self) -> dict[str, object]:
        """The whole for machines."""
        status, workers = self.supervisor.status, self.workers.values()
        return {
            "pid": self.supervisor.pid,
            "app": None if status is None else status.target,
            "accepted": self.is_accepted,
            "done": self.done is not None,
            "left": [worker.name for worker in workers if worker.has_left],
            "not_left": [worker.name for worker in workers if not worker.has_left],
        }

    @property
    def missing(self) -> str:
        """The workers that are still in the group and what they do, for a sentence."""
        waited_for = [worker for worker in self.workers.values() if not worker.has_left]
        return ", ".join(f"{worker.name} ({_outcome(worker)})" for worker in waited_for)


def _outcome(worker: Progress) -> str:
    return "left" if worker.has_left else worker.state or "no process"


async def _follow(leaving: Leaving, wait: bool, timeout: float) -> None:
    try:
        async with (
            asyncio.timeout(timeout),
            aclosing(control_client.leave(leaving.supervisor, holds_until_exit=wait)) as replies,
        ):
            async for reply in replies:
                leaving.hear(reply)
                if not wait:
                    return
    except TimeoutError:
        raise CheckFailedError(
            f"The time of {timeout:g} s is up. Still waited for: {leaving.missing or 'the supervisor'}. What was begun"
            " goes on; a --timeout above FRAMEWORK_SHUTDOWN_GRACE is long enough for a graceful stop."
        ) from None
