"""How an assumption about a library is written down, and what is said when it no longer holds."""

import hashlib
import inspect
import textwrap
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any


@dataclass(frozen=True, slots=True)
class Has:
    """A library's object has a name that is used, and a function of it the parameters that are passed.

    Attributes:
        owner: where the name is looked up: a class, a module or an object.
        name: the name, private or not.
        parameters: those of the function, `self` aside; None if it is no function, or its parameters do not matter.
        used_in: our module, and what it does with the name.
    """

    owner: Any
    name: str
    parameters: tuple[str, ...] | None
    used_in: str

    def __str__(self) -> str:
        return f"{name_of(self.owner)}.{self.name}"


@dataclass(frozen=True, slots=True)
class SameBody:
    """A library's function that we replicate or build upon reads as it did when ours was written.

    Attributes:
        owner: where the function is looked up.
        name: its name.
        fingerprint: of its source, as `fingerprint` gives it.
        used_in: our module, and what it makes of the body.
    """

    owner: Any
    name: str
    fingerprint: str
    used_in: str

    def __str__(self) -> str:
        return f"{name_of(self.owner)}.{self.name}"


def name_of(owner: Any) -> str:
    """`package.module.Class` of a class, a module or an object."""
    if inspect.ismodule(owner):
        return owner.__name__
    kind = owner if inspect.isclass(owner) else type(owner)
    return f"{kind.__module__}.{kind.__qualname__}"


def fingerprint(function: Any) -> str:
    """The first 16 digits of the SHA-256 of a function's source, without its indentation."""
    # A task of a service is kept by mode in an object of its own.
    function = inspect.unwrap(getattr(function, "fun", function))
    source = textwrap.dedent(inspect.getsource(function))
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def parameters_of(function: Any) -> tuple[str, ...]:
    """Names of a function's parameters; those that take whatever is left as `*args` and `**kwargs`."""
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    found = inspect.signature(function).parameters.values()
    return tuple(f"{stars.get(each.kind, '')}{each.name}" for each in found if each.name not in ("self", "cls"))


def check_overrides(owner: type, library: str) -> None:
    """Fail with a sentence if a method of ours takes more or fewer parameters than the library's that it overrides."""
    base = owner.__mro__[1]
    for name, ours in vars(owner).items():
        theirs: Any = getattr(base, name, None)
        if name == "__init__" or not inspect.isfunction(ours) or not callable(theirs):
            continue
        assert len(parameters_of(ours)) == len(parameters_of(theirs)), (
            f"{owner.__name__}.{name} takes {parameters_of(ours)}, but {library} calls it with {parameters_of(theirs)}."
        )


def versions(*distributions: str) -> str:
    """`aiokafka 0.14.0, mode-streaming 0.7.1`, for a message."""
    return ", ".join(f"{name} {version(name)}" for name in distributions)


def check_has(has: Has, library: str) -> None:
    """Fail with a sentence if the library has no such name, or it takes other parameters."""
    assert hasattr(has.owner, has.name), (
        f"{has} is gone from {library}. It is used in {has.used_in}. Find what took its place, and change that module."
    )
    if has.parameters is not None:
        found = parameters_of(getattr(has.owner, has.name))
        assert found == has.parameters, (
            f"{has} of {library} takes {found} now, no longer {has.parameters}. It is used in {has.used_in}. Change"
            " that module to fit, then this table."
        )


def check_same_body(body: SameBody, library: str) -> None:
    """Fail with a sentence if the function is gone or reads differently."""
    assert hasattr(body.owner, body.name), (
        f"{body} is gone from {library}. It is built upon in {body.used_in}. Find what took its place, and change that"
        " module."
    )
    found = fingerprint(getattr(body.owner, body.name))
    assert found == body.fingerprint, (
        f"The body of {body} in {library} is not the one that {body.used_in}. Read it again, change our module if need"
        f" be, and write the new fingerprint {found!r} into this table."
    )


def check_accepts(function: Any, names: str, used_in: str, library: str) -> None:
    """Fail with a sentence if a function does not take all these keyword arguments, named with spaces in between."""
    missing = sorted(set(names.split()) - set(parameters_of(function)))
    assert not missing, (
        f"{getattr(function, '__qualname__', function)} of {library} no longer takes {', '.join(missing)}. They are"
        f" passed in {used_in}. Find what took their place, and change that module."
    )
