"""No value is accepted that makes no sense: ranges of fields, options and budgets."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from annotated_types import Interval, Len
from pydantic import StringConstraints

from harness.config.cell import Budget
from harness.config.grid import load_grid
from harness.config.hparams import build_config
from harness.config.scenario import build_task
from harness.errors import ConfigurationError
from methods import METHODS
from scenarios import SCENARIOS
from scenarios.ranges import Size, option_model

NONSENSE = (math.nan, math.inf, -math.inf, 10**30, -1, 1e300, True, "text")


@dataclass(frozen=True)
class Leaf:
    """A number, text or choice inside a type, and how a whole value is made of one."""

    kind: Any
    limits: tuple[Any, ...]
    shape: tuple[int, ...] = ()  # of each tuple around it, the outermost first

    @property
    def ends(self) -> tuple[float, float]:
        for limit in self.limits:
            if isinstance(limit, Size) and limit.count is None:
                return limit.least, limit.most
            if isinstance(limit, Interval):
                return limit.ge, limit.le
        raise AssertionError(f"{self.kind.__name__} without a range")

    def made_of(self, value: Any) -> Any:
        for n in reversed(self.shape):
            value = (value,) * n
        return value

    def wrong(self) -> list[Any]:
        """What is just beyond either end, and what makes no sense whatever the range."""
        if self.kind in (bool, str):
            return [value for value in NONSENSE if not isinstance(value, self.kind)]
        if self.kind is Literal:
            return [*NONSENSE]
        low, high = self.ends
        if self.kind is int:
            return [low - 1, high + 1, *NONSENSE]
        return [math.nextafter(low, -math.inf), math.nextafter(high, math.inf), *NONSENSE]


def leaves(hint: Any, limits: tuple[Any, ...] = ()) -> Iterator[Leaf]:
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        yield from leaves(parts[0], (*limits, *parts[1:]))
    elif origin in (Union, UnionType):
        yield from (leaf for part in parts if part is not NoneType for leaf in leaves(part))
    elif origin in (tuple, Sequence):
        lengths = [limit.min_length for limit in limits if isinstance(limit, Len)]
        assert lengths or ... not in parts, f"{hint} may be as long as it likes"
        n = max(1, *lengths) if lengths else len(parts)
        yield from (replace(leaf, shape=(n, *leaf.shape)) for leaf in leaves(parts[0]))
    elif origin is Literal:
        yield Leaf(Literal, parts)
    else:
        yield Leaf(hint, limits)


def settings(function: Any) -> list[tuple[str, Leaf]]:
    """Every number, text and choice of a Config or of a scenario's options, with its name."""
    hints = get_type_hints(function, include_extras=True)
    passed_on = {"env_options", "return"}
    return [(n, leaf) for n, hint in hints.items() if n not in passed_on for leaf in leaves(hint)]


def refused_field(method: str, field: str, value: Any) -> str:
    given = {"policy": "x"} if method == "reference" else {}
    values = tuple((given | {field: value}).items())
    try:
        build_config(method, "prisoner", "default", values, size_factor=1.0)
    except ConfigurationError as error:
        return str(error)
    return ""


def refused_option(scenario: str, option: str, value: Any) -> str:
    needed = {"module": "no_such_module", "max_steps": 5} if scenario == "pettingzoo" else {}
    try:
        build_task("mine.toml: sweep[0]", scenario, needed | {option: value})
    except ConfigurationError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    "owner",
    [Budget, *(m.Config for m in METHODS.values()), *(s.__init__ for s in SCENARIOS.values())],
)
def test_every_setting_is_bounded(owner):
    for name, leaf in settings(owner):
        if leaf.kind in (int, float):
            low, high = leaf.ends
            assert 0 <= low < high < math.inf, name
        elif leaf.kind is str:
            assert any(isinstance(x, StringConstraints) and x.max_length for x in leaf.limits), name
        else:
            assert leaf.kind in (bool, Literal), name


@pytest.mark.parametrize("method", METHODS)
def test_a_field_beyond_its_range_and_nonsense_are_refused_by_name(method):
    for name, leaf in settings(METHODS[method].Config):
        for value in leaf.wrong():
            said = refused_field(method, name, leaf.made_of(value))
            assert said.startswith(f"fields.{name}"), (name, value)
        for value in leaf.ends if leaf.kind in (int, float) else ():
            said = refused_field(method, name, leaf.made_of(leaf.kind(value)))
            assert not said.startswith(f"fields.{name}"), said  # other fields may rule it out


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_option_beyond_its_range_and_nonsense_are_refused_by_name(scenario):
    model = option_model(SCENARIOS[scenario])
    needed = {"module": "no_such_module", "max_steps": 5} if scenario == "pettingzoo" else {}
    for name, leaf in settings(SCENARIOS[scenario].__init__):
        for value in leaf.wrong():
            said = refused_option(scenario, name, leaf.made_of(value))
            assert said.startswith(f"mine.toml: sweep[0].options.{name}"), (name, value)
        for value in leaf.ends if leaf.kind in (int, float) else ():  # built, some would take long
            model.model_validate(needed | {name: leaf.made_of(leaf.kind(value))})


@pytest.mark.parametrize("name", [field.name for field in fields(Budget)])
@pytest.mark.parametrize("value", ["-1", "10" + "0" * 30, "true", "nan", "0.5", '"many"'])
def test_nonsense_is_refused_in_every_budget(tmp_path, name, value):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[sweep]]\nscenario = "prisoner"\nmethods = ["dqn"]\nseeds = [0]\n'
        f"budget = {{ {name} = {value} }}\n"
    )

    with pytest.raises(ConfigurationError) as refused:
        load_grid(path)

    assert str(refused.value).startswith(f"{path}: sweep[0].budget")
    assert name in str(refused.value).removeprefix(str(path))


def test_a_size_is_raised_by_its_factor_and_a_range_is_not():
    large = (("capacity", 20_000_000),)

    with pytest.raises(ConfigurationError, match=r"at most 10000000 \(`size_factor = 10`"):
        build_config("dqn", "prisoner", "default", large, size_factor=1.0)
    assert build_config("dqn", "prisoner", "default", large, size_factor=2.0).capacity == 20_000_000
    with pytest.raises(ConfigurationError, match="discount"):
        build_config("dqn", "prisoner", "default", (("discount", 1.5),), size_factor=1e9)
    with pytest.raises(ConfigurationError, match=r"network: .* at most 1000 intersections \(`size"):
        build_task("x", "traffic", {"network": "grid_40x40"})


@pytest.mark.parametrize(
    ("method", "values", "says"),
    [
        ("dqn", {"batch_size": 33}, r"batch_size is 33, above sample_size = "),
        ("dqn", {"sample_size": 200_000}, r"sample_size is 200000, above capacity = 100000"),
        ("dqn", {"epsilon": 0.01}, r"epsilon_min is 0\.05, above epsilon = 0\.01"),
        ("dqn", {"patience": 3}, r"patience is 3 and holdout 0\.0, 0 transitions of sample_size"),
        ("dqn", {"holdout": 0.5}, r"patience is 0 and holdout 0\.5, 5 transitions of"),
        ("dqn", {"patience": 3, "holdout": 1.0}, r"patience is 3 and holdout 1\.0, 10 transitions"),
        ("qmix", {"recurrent": True, "burn_in": 100_000}, r"burn_in is 100000 and sequence_length"),
        ("ltos", {"high_level_sample_size": 200_000}, r"high_level_sample_size .* capacity"),
        ("ltos", {"high_level_batch_size": 99}, r"high_level_batch_size .* high_level_sample_size"),
        ("ip", {"batch_size": 200_000}, r"batch_size is 200000, above capacity = "),
        ("ip", {"target_entropy": 0.5, "temperature": 0.0}, "target_entropy is 0.5, temperature 0"),
        ("lio", {"epsilon": 0.0}, r"epsilon_min is .*, above epsilon = 0\.0"),
        ("coco_q", {"epsilon": 0.01}, r"epsilon_min is .*, above epsilon = 0\.01"),
    ],
)
def test_fields_that_do_not_go_together_are_refused_by_name(method, values, says):
    with pytest.raises(ConfigurationError, match=rf"^mine\.toml: fields: {says}"):
        build_config(
            method, "prisoner", "default", tuple(values.items()), where="mine.toml: fields"
        )


def test_a_name_that_no_folder_can_have_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[sweep]]\nscenario = "routing"\nmethods = ["dqn"]\nseeds = [0]\n'
        f"options = {{ rates = [{[0.123456789] * 30}] }}\n"
    )

    with pytest.raises(ConfigurationError, match=r"sweep\[0\]: names a folder of .* at most 255"):
        load_grid(path)
