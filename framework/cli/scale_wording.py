"""What `framework scale` says, to a person and to machines; shows nothing itself."""

from collections.abc import Iterator

from rich.table import Column, Table
from rich.text import Text

from framework.cli.naming import counted
from framework.membership.scaling import Plan, shortened
from framework.membership.steps import Phase, Progress, Step


def where(progress: Progress | None) -> str:
    """How far it is, as a clause."""
    if progress is None or not progress.steps:
        return "no seat had been touched"
    done = f"{progress.done} of {counted(len(progress.steps), 'seat')} had gone"
    current = [f"{step.seat} {step.phase}" for step in progress.steps if step.phase not in (Phase.DONE, Phase.WAITING)]
    return "; ".join([done, *current])


def plan_lines(plan: Plan) -> Iterator[Text]:
    """A plan, a sentence a line."""
    yield Text(f"Workers wanted: {plan.count}. Staying: {shortened(plan.stays, 10) or 'nobody'}.")
    if plan.removed:
        yield Text(f"Dead, to be removed: {shortened(plan.removed, 10)}.", "yellow")
    if plan.leaves:
        yield Text(f"To leave by themselves, one at a time: {shortened(plan.leaves, 10)}.")
    if plan.silent:
        yield Text(
            f"Dead, but staying: {shortened(plan.silent, 10)}. Each rebalance waits for them; start them again, or"
            " remove them with `framework group remove`.",
            "yellow",
        )
    if plan.dynamic:
        yield Text(f"Left alone, because they have no seat: {shortened(plan.dynamic, 10)}.")
    if plan.missing:
        yield Text(f"Still to be started: {plan.missing}.", "yellow")


def end_sentence(plan: Plan) -> str:
    """What came of it."""
    if plan.missing:
        return f"The wanted count of workers is {plan.count} from now on; still to be started: {plan.missing}."
    others = f" and {counted(len(plan.dynamic), 'dynamic member')}" if plan.dynamic else ""
    return f"The group is Stable with {counted(len(plan.stays), 'seat')}{others}, and every partition is in work."


def said(step: Step) -> str:
    """What a seat does, as the end of a sentence."""
    if step.phase is not Phase.DONE:
        return step.phase
    gone = "has left" if step.action == "left" else "was removed"
    return f"{gone}; its partitions stood still for {step.standstill or 0:.2f} s"


def steps_table(progress: Progress) -> Table:
    """What each step cost."""
    table = Table(*(Column(name) for name in ("seat", "how", "stood still", "took", "generation")))
    for step in progress.steps:
        if step.phase is Phase.DONE:
            generation = str(step.generation_id) if step.generation_id >= 0 else "-"
            table.add_row(step.seat, step.action, f"{step.standstill:.2f} s", f"{step.seconds:.2f} s", generation)
    return table


def document(group_id: str, count: int, plan: Plan | None, progress: Progress | None) -> dict[str, object]:
    """A scaling as one JSON object; times are seconds, unknown is null."""
    return {
        "group_id": group_id,
        "count": count,
        "stays": plan.stays if plan is not None else [],
        "leaves": plan.leaves if plan is not None else [],
        "removed": plan.removed if plan is not None else [],
        "silent": plan.silent if plan is not None else [],
        "dynamic": plan.dynamic if plan is not None else [],
        "missing": plan.missing if plan is not None else None,
        "steps": [_step_document(step) for step in (progress.steps if progress is not None else ())],
    }


def _step_document(step: Step) -> dict[str, object]:
    return {
        "group_instance_id": step.seat,
        "phase": step.phase.name.lower(),
        "action": step.action,
        "standstill": step.standstill,
        "seconds": step.seconds,
        "generation_id": step.generation_id if step.generation_id >= 0 else None,
    }
