"""What the papers claim in words, as data: ``harness/published/claims.toml``."""

import tomllib
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.config.grid import planned
from harness.errors import ConfigurationError, nearest
from harness.published.numbers import Options, check_place, explain
from harness.stats.decision import Relation
from methods import METHODS
from scenarios import SCENARIOS

NAME = "harness/published/claims.toml"


class When(StrEnum):
    """Which part of a run a claim is about."""

    END = "end"  # the final value
    TRAINING = "training"  # the mean over all evaluations: how soon, and how steadily


class Claim(BaseModel):
    """A sentence of a paper that puts methods before, behind or beside others.

    Attributes:
        paper: Which paper: "000" or "001".
        source: Section or figure.
        words: The sentence, shortened.
        scenario: A key of ``scenarios.SCENARIOS``.
        metric: A key of the scenario's ``metric_info``.
        methods: The methods it speaks of.
        relation: Better than the others, not better, or like them.
        others: The methods it is compared with.
        when: At the end of training, or over all of it ("slowly", "quickly").
        options: Options of the scenario; the others are at their defaults.
        others_options: Those of the others' scenario where they differ: one comparison with
            each method under each of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    paper: str
    source: str
    words: str
    scenario: str
    metric: str
    methods: tuple[str, ...] = Field(min_length=1)
    relation: Relation = Relation.BETTER
    others: tuple[str, ...] = Field(min_length=1)
    when: When = When.END
    options: Options = {}
    others_options: tuple[Options, ...] = ()

    @property
    def rivals(self) -> tuple[tuple[str, Options], ...]:
        """Methods it is compared with, each with the options of its scenario."""
        places = self.others_options or (self.options,)
        return tuple((method, options) for options in places for method in self.others)


def load_claims(folder: Traversable | None = None) -> tuple[Claim, ...]:
    """Return the papers' claims, in file order.

    Args:
        folder: Where the file lies; that of this package unless given.

    Raises:
        ConfigurationError: A file that is not TOML, an unknown key, method or metric, a missing
            or wrong value.
    """
    file = (folder or resources.files("harness") / "published") / "claims.toml"
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{NAME}: not valid TOML: {error}") from None
    for key in tables.keys() - {"claim"}:
        raise ConfigurationError(f"{NAME}: unknown key {key!r}; {nearest(key, ['claim'])}")
    return tuple(
        _claim(values, f"{NAME}: [[claim]] number {n}")
        for n, values in enumerate(tables.get("claim", []), start=1)
    )


def _claim(values: object, where: str) -> Claim:
    try:
        claim = Claim.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {explain(error, Claim)}") from None
    for method in (*claim.methods, *claim.others):
        if method not in METHODS:
            raise ConfigurationError(
                f"{where}: unknown method {method!r}; {nearest(method, METHODS)}"
            )
    scenarios = [*SCENARIOS, *planned()["scenarios"]]
    if claim.scenario not in scenarios:
        hint = nearest(claim.scenario, scenarios)
        raise ConfigurationError(f"{where}: unknown scenario {claim.scenario!r}; {hint}")
    for options in (claim.options, *claim.others_options):
        check_place(where, claim.scenario, claim.metric, options)
    return claim
