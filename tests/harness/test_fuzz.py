"""A slice of ``tox -e fuzz``, and that its valid inputs are valid."""

import random
from typing import Annotated

import pytest
from annotated_types import Interval
from pydantic import Field

import fuzz
from scenarios.ranges import Size
from support import ranges


@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_unchanged_files_are_taken(kind, monkeypatch):
    monkeypatch.setattr(fuzz, "mutated", lambda value, rng, **_: value)
    monkeypatch.setattr(fuzz, "HURT", 0)

    assert fuzz.judge(kind, 0).what == "taken"


@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_changed_files_are_taken_or_refused_in_a_sentence(kind):
    found = [fuzz.judge(kind, seed) for seed in range(8)]

    assert {verdict.what for verdict in found} <= {"taken", "refused"}, found


def test_nothing_just_outside_a_declared_range_is_taken():
    _, silent, _ = ranges.outside()

    assert not silent


def test_a_file_is_changed_in_one_place_or_two():
    tree = {"a": [1, {"b": 2.5}], "c": "x"}

    others = [fuzz.mutated(tree, random.Random(seed)) for seed in range(50)]

    assert tree == {"a": [1, {"b": 2.5}], "c": "x"}
    assert sum(other != tree for other in others) > 40


@pytest.mark.parametrize(
    ("hint", "values"),
    [
        (Annotated[int, Size(1, 9)], {0, 10, 10**30}),
        (tuple[Annotated[int, Size(1, 9)], ...], {(0,), (10,), (10**30,)}),
        (Annotated[int, Interval(ge=0, le=3)] | None, {-1, 4}),
        (Annotated[int, Field(gt=0)], {0}),
        (int, set()),
    ],
)
def test_values_just_outside_a_range_are_found(hint, values):
    assert {*ranges.beyond(hint)} == values
