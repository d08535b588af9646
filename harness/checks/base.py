"""What a check is, and how checks are run.

A check is a function of what it looks at, and its name is a sentence that should be true of it. It
raises ``CheckFailed`` with the reason where it is not, and ``NotApplicable`` where the sentence
says nothing.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from scenarios.base import Scenario

Build: TypeAlias = Callable[[], Scenario]
T = TypeVar("T")


class CheckFailed(AssertionError):  # noqa: N818  # says what happened
    """The sentence of a check is not true; the message says where."""


class NotApplicable(Exception):  # noqa: N818  # likewise
    """A check has nothing to say about this one; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at and how it is.

    Attributes:
        name: What; of a check its sentence.
        verdict: ``failed`` is a fault, ``note`` is worth knowing and none.
        detail: What was found, or why.
    """

    name: str
    verdict: Literal["ok", "note", "failed", "not applicable"]
    detail: str = ""


def run_checks(checks: Mapping[str, Callable[[T], None]], subject: T) -> Iterator[Finding]:
    """Run checks, one after the other; an error of any kind that they meet is a fault."""
    for name, check in checks.items():
        sentence = name.replace("_", " ")
        try:
            check(subject)
        except NotApplicable as error:
            yield Finding(sentence, "not applicable", str(error))
        except CheckFailed as error:
            yield Finding(sentence, "failed", str(error))
        except Exception as error:  # whatever a plugin may raise where it should not
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}, line {last.lineno}"
            yield Finding(sentence, "failed", f"{type(error).__name__}: {error} ({where})")
        else:
            yield Finding(sentence, "ok")


def require(holds: object, why: str) -> None:
    """Raise ``CheckFailed`` unless something holds."""
    if not holds:
        raise CheckFailed(why)
