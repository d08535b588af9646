"""Laws that every scenario and every method obeys, for tests and for `doctor`.

A law is a function of what is under it; its name is a sentence. It raises ``LawBroken`` with the
reason, and ``NotApplicable`` where it has nothing to say.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar

from scenarios.base import Scenario

Build: TypeAlias = Callable[[], Scenario]
T = TypeVar("T")


class LawBroken(AssertionError):  # noqa: N818  # says what happened
    """A law does not hold; the message says where."""


class NotApplicable(Exception):  # noqa: N818  # likewise
    """A law has nothing to say about this one; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at and how it is.

    Attributes:
        name: What; of a law its sentence.
        verdict: ``ok``, ``failed`` or, of a law, ``violated``; ``note`` is worth knowing and no
            fault.
        detail: What was found, or why.
    """

    name: str
    verdict: Literal["ok", "note", "failed", "violated", "not applicable"]
    detail: str = ""


def check(laws: Mapping[str, Callable[[T], None]], subject: T) -> Iterator[Finding]:
    """Hold something to laws, one after the other."""
    for name, law in laws.items():
        sentence = name.replace("_", " ")
        try:
            law(subject)
        except NotApplicable as error:
            yield Finding(sentence, "not applicable", str(error))
        except LawBroken as error:
            yield Finding(sentence, "violated", str(error))
        except Exception as error:  # whatever a plugin may raise where it should not
            yield Finding(sentence, "violated", f"{type(error).__name__}: {error} ({_at(error)})")
        else:
            yield Finding(sentence, "ok")


def require(holds: object, why: str) -> None:
    """Raise ``LawBroken`` unless something holds."""
    if not holds:
        raise LawBroken(why)


def _at(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}, line {last.lineno}"
