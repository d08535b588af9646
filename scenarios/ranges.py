"""Ranges of settings, declared beside them: what values make sense, and how large a size may be.

A field of a method's Config and an option of a scenario say in their type what they may be:
``discount: Share``, ``hidden: Widths``, ``radius: Annotated[int, Interval(ge=0, le=9)]``. The
harness checks it while planning; classes that are built directly trust their caller.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, get_type_hints

from annotated_types import Interval, Len
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, StringConstraints, create_model
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

SIZE_FACTOR_HINT = "`size_factor = 10` in its [[sweep]] raises the limits of sizes tenfold"

Share: TypeAlias = Annotated[float, Interval(ge=0, le=1)]
"""A probability, a fraction, or a factor that makes smaller."""

PositiveShare: TypeAlias = Annotated[float, Interval(ge=1e-9, le=1)]
"""A ``Share`` that cannot be nothing."""

Scale: TypeAlias = Annotated[float, Interval(ge=1e-9, le=1e9)]
"""A factor of any order of magnitude in which numbers still add up."""

Weight: TypeAlias = Annotated[float, Interval(ge=0, le=1000)]
"""How much a term counts beside others; 0 leaves it out."""

StepSize: TypeAlias = Annotated[float, Interval(ge=0, le=10)]
"""Of an optimizer, its learning rate; 0 is a control that learns nothing."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large a count may be: memory and time grow with it.

    The upper limit guards against slips, not against large machines: a sweep raises all its limits
    by its ``size_factor``.

    Attributes:
        least: Lower limit, which nothing moves.
        most: Upper limit where ``size_factor`` is 1.
        count: What is counted of the value; None if that is the value.
        of: What it counts, for messages.
    """

    least: int
    most: int
    count: Callable[[Any], int] | None = None
    of: str = ""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Check it after the type; the factor comes with the context of the validation."""

        def check(value: Any, info: Any) -> Any:
            return self._checked(value, float((info.context or {}).get("size_factor", 1)))

        return core_schema.with_info_after_validator_function(check, handler(source))

    def _checked(self, value: Any, factor: float) -> Any:
        n = value if self.count is None else self.count(value)
        said = {"n": self.least, "of": f" {self.of}" if self.of else "", "hint": SIZE_FACTOR_HINT}
        if not n >= self.least:
            raise PydanticCustomError("least", "Input should be at least {n}{of}", said)
        if n > self.most * factor:
            said["n"] = self.most
            raise PydanticCustomError("most", "Input should be at most {n}{of} ({hint})", said)
        return value


Steps: TypeAlias = Annotated[int, Size(1, 1_000_000)]
"""Environment steps or episodes, and whatever is counted in them."""

Start: TypeAlias = Annotated[int, Size(0, 10_000_000)]
"""Environment steps before something begins."""

Transitions: TypeAlias = Annotated[int, Size(1, 10_000_000)]
"""Joint transitions that are stored, drawn or learned from."""

Repeats: TypeAlias = Annotated[int, Size(1, 10_000)]
"""How often the same is done in a row."""

Depth: TypeAlias = Annotated[int, Size(0, 64)]
"""Graph convolutions, or rounds of messages."""

Units: TypeAlias = Annotated[int, Size(1, 16_384)]
"""Width of a layer."""

Widths: TypeAlias = Annotated[tuple[Units, ...], Len(0, 16)]
"""Widths of hidden layers, if there are any."""

SomeWidths: TypeAlias = Annotated[tuple[Units, ...], Len(1, 16)]
"""Widths of hidden layers, one at least."""

Agents: TypeAlias = Annotated[int, Size(1, 10_000)]
"""Number of agents, or of what there is about as many of."""

FilePath: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
"""Where a file is."""


@cache
def option_model(build: Callable[..., Any]) -> type[BaseModel]:
    """Return a pydantic model of a scenario's options, strict about types and ranges.

    Args:
        build: The scenario, or a function that makes it. What it passes on with ``**`` is not
            checked.
    """
    function: Any = build.__init__ if inspect.isclass(build) else build
    hints = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(build).parameters.values()
    fields: dict[str, Any] = {
        p.name: (hints.get(p.name, Any), ... if p.default is p.empty else p.default)
        for p in parameters
        if p.kind is not p.VAR_KEYWORD
    }
    passed_on: Literal["allow", "forbid"] = "allow" if len(fields) < len(parameters) else "forbid"
    config = ConfigDict(strict=True, extra=passed_on, allow_inf_nan=False)
    return create_model("Options", __config__=config, **fields)
