"""Ranges of settings, declared beside them: what values make sense, and how large a size may be.

A field of a method's Config and an option of a scenario say in their type what they may be:
``discount: Share``, ``hidden: tuple[Units, ...]``, ``radius: Annotated[int, Ge(0), Le(9)]``. The
harness checks it while planning; classes that are built directly trust their caller.
"""

from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from annotated_types import Interval
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

SIZE_FACTOR_HINT = "`size_factor = 10` in its [[sweep]] raises the limits of sizes tenfold"

Share: TypeAlias = Annotated[float, Interval(ge=0, le=1)]
"""A probability, a fraction, or a factor that makes smaller."""

PositiveShare: TypeAlias = Annotated[float, Interval(gt=0, le=1)]
"""A ``Share`` that cannot be nothing."""

Scale: TypeAlias = Annotated[float, Interval(ge=1e-9, le=1e9)]
"""A factor of any order of magnitude in which numbers still add up."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a count may be: memory and time grow with it.

    The upper limit guards against slips, not against large machines: a sweep raises all its limits
    by its ``size_factor``.

    Attributes:
        least: Lower limit, which nothing moves.
        most: Upper limit where ``size_factor`` is 1.
    """

    least: int
    most: int

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check it after the type; the factor comes with the context of the validation."""

        def check(value: int | None, info: Any) -> int | None:
            return self._checked(value, (info.context or {}).get("size_factor", 1))

        return core_schema.with_info_after_validator_function(check, handler(source))

    def _checked(self, value: int | None, factor: float) -> int | None:
        if value is None:  # an option that may be left open
            return None
        if value < self.least:
            raise PydanticCustomError("least", "Input should be at least {n}", {"n": self.least})
        if value > self.most * factor:
            raise PydanticCustomError(
                "most",
                "Input should be at most {n} ({hint})",
                {"n": self.most, "hint": SIZE_FACTOR_HINT},
            )
        return value


Steps: TypeAlias = Annotated[int, Size(1, 1_000_000)]
"""Environment steps or episodes, and whatever is counted in them."""

Units: TypeAlias = Annotated[int, Size(1, 16_384)]
"""Width of a layer."""

Agents: TypeAlias = Annotated[int, Size(1, 10_000)]
"""Number of agents, or of what there is about as many of."""
