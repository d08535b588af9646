"""What the papers claim in words, as data: ``harness/published/claims.toml``."""

from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable

from pydantic import Field

from harness.config.toml import Table, checked, read_toml
from harness.errors import ConfigurationError, nearest
from harness.published.numbers import Options, check_task
from harness.stats.decision import Relation
from methods import METHODS

NAME = "harness/published/claims.toml"


class When(StrEnum):
    """Which part of a run a claim is about."""

    END = "end"  # the final value
    TRAINING = "training"  # the mean over all evaluations: how soon, and how steadily


class Claim(Table, strict=False):
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

    paper: str
    source: str
    words: str
    scenario: str
    metric: str
    methods: tuple[str, ...] = Field(min_length=1)
    relation: Relation = Relation.BETTER
    others: tuple[str, ...] = Field(min_length=1)
    when: When = When.END
    options: Options = Field(default_factory=dict)
    others_options: tuple[Options, ...] = ()

    @property
    def baselines(self) -> tuple[tuple[str, Options], ...]:
        """Methods it is compared with, each with the options of its scenario."""
        tasks = self.others_options or (self.options,)
        return tuple((method, options) for options in tasks for method in self.others)


def load_claims(folder: Traversable | None = None) -> tuple[Claim, ...]:
    """Return the papers' claims, in file order.

    Args:
        folder: Where the file lies; that of this package unless given.

    Raises:
        ConfigurationError: A file that is not TOML, an unknown key, method or metric, a missing
            or wrong value.
    """
    file = (folder or resources.files("harness") / "published") / "claims.toml"
    tables = read_toml(file, NAME)
    for key in tables.keys() - {"claim"}:
        raise ConfigurationError(f"{NAME}: unknown key {key!r}; {nearest(key, ['claim'])}")
    claims = list[Claim]()
    for n, values in enumerate(tables.get("claim", []), start=1):
        where = f"{NAME}: [[claim]] number {n}"
        claim = checked(Claim, values, where)
        for method in (*claim.methods, *claim.others):
            if method not in METHODS:
                raise ConfigurationError(
                    f"{where}: unknown method {method!r}; {nearest(method, METHODS)}"
                )
        for options in (claim.options, *claim.others_options):
            check_task(where, claim.scenario, claim.metric, options)
        claims.append(claim)
    return tuple(claims)
