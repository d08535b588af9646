"""Two folders of results: what changed beyond noise is named, what did not is left in peace."""

import inspect
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from harness.__main__ import main
from harness.cli import report as cli_report
from harness.errors import ConfigurationError
from harness.results.compare import Outcome, compare
from harness.results.files import CellFiles
from harness.results.result import load_result
from harness.stats.decision import MARGIN
from support import recorded

SEEDS = range(6)
WHERE = "paper/prisoner/dqn"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    for method in ("dqn", "dgn"):
        for seed in SEEDS:
            of = recorded.cell(method, seed=seed)
            recorded.whole(of, **{"return": 0.6 + seed / 100}).save(folder / "paper")
    return folder


@pytest.fixture
def folders(made, tmp_path):
    """Two equal folders of results."""
    for name in ("a", "b"):
        shutil.copytree(made, tmp_path / name)
    return tmp_path / "a", tmp_path / "b"


def change(folder, shift, method="dqn", seeds=SEEDS):
    """Shift the returns of some runs, each by its own amount."""
    for seed, by in zip(seeds, np.broadcast_to(shift, len(seeds)), strict=True):
        result = load_result(
            CellFiles.of(folder / "paper", recorded.cell(method, seed=seed)).result
        )
        curve = tuple(
            row | {"metrics": row["metrics"] | {"return": row["metrics"]["return"] + float(by)}}
            for row in result.curve
        )
        replace(result, curve=curve).save(folder / "paper")


def outcomes(folders, share=0.02):
    return {c.where: c.outcome for c in compare(*folders, share).changes}


def test_a_copy_is_identical(folders):
    found = compare(*folders, 0.02)

    assert {c.outcome for c in found.changes} == {Outcome.IDENTICAL}
    assert (found.lost, found.new) == ((), ())


@pytest.mark.parametrize(
    ("shift", "outcome"),
    [
        (-0.1, "worse"),
        (0.1, "better"),
        ([-0.11, -0.09, -0.1, -0.12, -0.08, -0.1], "worse"),
        (-0.002, "equivalent"),  # the margin is .02 * .48 = .0096
        ([0.3, -0.3, 0.2, -0.2, 0.1, -0.1], "undecided"),
        ([-0.1, -0.1, -0.1, -0.1, 0.1, 0.2], "undecided"),
    ],
)
def test_what_changed_is_named_and_the_rest_left_in_peace(folders, shift, outcome):
    change(folders[1], shift)

    found = outcomes(folders)

    assert found == {WHERE: outcome, "paper/prisoner/dgn": "identical"}


def test_the_figures_behind_an_outcome_are_given(folders):
    change(folders[1], -0.1)

    (dqn,) = [c for c in compare(*folders, 0.05).changes if c.where == WHERE]

    assert (dqn.metric, dqn.n) == ("return", 6)
    assert (dqn.before, dqn.after) == pytest.approx((0.625, 0.525))
    assert dqn.interval == pytest.approx((-0.1, -0.1))
    assert dqn.margin == pytest.approx(0.05 * 0.48)


def test_a_wider_margin_forgives_more(folders):
    change(folders[1], -0.02)

    assert outcomes(folders, 0.02)[WHERE] == "worse"
    assert outcomes(folders, 0.1)[WHERE] == "equivalent"


def test_other_curves_with_the_same_ends_are_equal(folders):
    path = CellFiles.of(folders[1] / "paper", recorded.cell(seed=2)).result
    result = load_result(path)
    row = result.curve[0]
    early = row | {"metrics": row["metrics"] | {"return": 0.1}}
    replace(result, curve=(early, *result.curve[1:])).save(folders[1] / "paper")

    (dqn,) = [c for c in compare(*folders, 0.02).changes if c.where == WHERE]
    assert (dqn.outcome, dqn.n, dqn.differing) == ("equal", 6, (2,))


def test_four_seeds_are_too_few_to_say_worse(folders):
    for seed in (4, 5):
        CellFiles.of(folders[1] / "paper", recorded.cell(seed=seed)).result.unlink()
    change(folders[1], -0.3, seeds=range(4))

    found = compare(*folders, 0.02)

    assert outcomes(folders)[WHERE] == "undecided"
    assert found.lost == (f"{WHERE}/seed=4", f"{WHERE}/seed=5")


def test_what_only_one_folder_has_is_listed(folders):
    shutil.rmtree(folders[0] / WHERE)

    found = compare(*folders, 0.02)

    assert found.new == tuple(f"{WHERE}/seed={seed}" for seed in SEEDS)
    assert [c.where for c in found.changes] == ["paper/prisoner/dgn"]


def test_many_noisy_metrics_raise_few_false_alarms(tmp_path):
    rng = np.random.default_rng(0)
    methods = ["dqn", "dgn", "ltos", "fixed_ltos", "qmix", "vdn", "lio", "ip"]
    for name in ("a", "b"):
        for method in methods:
            for seed in range(5):
                of = recorded.cell(method, seed=seed)
                recorded.whole(of, **{"return": rng.normal(0.6, 0.1)}).save(tmp_path / name / "g")

    found = outcomes((tmp_path / "a", tmp_path / "b"))

    assert len(found) == len(methods)
    assert set(found.values()) == {"undecided"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda a, b: (a, b / "none"), "none: no such folder of results"),
        (lambda a, b: (a, b / "paper"), "no result stands in both"),
    ],
)
def test_folders_that_do_not_match_are_refused(folders, spoil, message):
    with pytest.raises(ConfigurationError, match=message):
        compare(*spoil(*folders), 0.02)


def test_a_damaged_record_is_refused_by_name(folders):
    path = CellFiles.of(folders[1] / "paper", recorded.cell(seed=2)).result
    path.write_text("{ half")

    with pytest.raises(ConfigurationError, match=r"dqn/seed=2\.json: not readable.*run its cell"):
        compare(*folders, 0.02)


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["compare", *map(str, arguments)])
    return ended.value.code, *capsys.readouterr()


def test_the_command_prints_what_changed_and_fails_only_if_asked(folders, capsys):
    change(folders[1], -0.1)

    code, out, _ = call(capsys, *folders)
    failing, _, _ = call(capsys, *folders, "--fail")

    assert (code, failing) == (0, 3)
    (line,) = [line for line in out.splitlines() if line.startswith(WHERE)]
    assert line.split() == [
        *(
            WHERE,
            "return",
            "6",
            "6",
            "0.625",
            "0.525",
            "-0.100",
            "[-0.100,",
            "-0.100]",
            "0.010",
            "worse",
        )
    ]
    assert "2 metrics in both: 1 worse, 1 identical; margin 2 %" in out
    assert "dgn" not in out


def test_an_improvement_does_not_fail(folders, capsys):
    change(folders[1], 0.1)

    code, out, _ = call(capsys, *folders, "--fail", "--json")

    changes = {c["where"]: c["outcome"] for c in json.loads(out)["changes"]}
    assert code == 0
    assert changes[WHERE] == "better"


def test_the_command_takes_the_margin_of_claims():
    assert inspect.signature(cli_report.compare).parameters["margin"].default == MARGIN


def test_wrong_arguments_end_in_a_message(folders, capsys):
    for arguments, says in [
        ((folders[0],), "RESULTS_B"),
        ((*folders, "--margin", "2"), "--margin"),
        ((folders[0], folders[1] / "none"), "no such folder"),
    ]:
        code, out, log = call(capsys, *arguments)

        assert (code, out) == (2, "")
        assert says in log
