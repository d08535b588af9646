import json
from dataclasses import replace

import numpy as np
import pytest

from harness.config.cell import Budget
from harness.results.files import CellFiles
from harness.results.result import DamagedResult, load_result, thin_traces
from methods import METHODS
from scenarios import SCENARIOS
from support.recorded import cell, result


def test_a_result_reads_back_as_it_was_written(tmp_path):
    written = result(cell("dqn", fields=(("hidden", (64, 64)),), options=(("max_steps", 9),)))

    path = written.save(tmp_path)
    read = load_result(path)

    assert path == CellFiles.of(tmp_path, written.cell).result
    assert read.cell == written.cell
    assert read.fingerprint == written.fingerprint
    assert read.curve == tuple(map(dict, written.curve))
    assert read.final("return") == written.final("return")


@pytest.mark.parametrize(
    ("old", "new"), [("0.97", "0.99"), ('"seed":0', '"seed":1'), ("\n", "\n ")]
)
def test_a_result_edited_by_hand_is_damaged(tmp_path, old, new):
    path = result(cell()).save(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))

    with pytest.raises(DamagedResult, match=path.name):
        load_result(path)


@pytest.mark.parametrize("keep", [0, 1, 70, 500, -3])
def test_a_truncated_result_is_damaged(tmp_path, keep):
    path = result(cell()).save(tmp_path)
    path.write_text(path.read_text()[:keep])

    with pytest.raises(DamagedResult, match=path.name):
        load_result(path)


@pytest.mark.parametrize("content", [b"\xff\x00", b"[]", b"{}", b"null", b'{"sha256": 1}', b"7"])
def test_what_is_not_a_result_is_damaged(tmp_path, content):
    path = tmp_path / "seed=0.json"
    path.write_bytes(content)

    with pytest.raises(DamagedResult, match=r"seed=0\.json"):
        load_result(path)


def test_a_result_holds_no_figure_that_json_cannot_say(tmp_path):
    broken = replace(result(cell()), episodes={"return": [[float("nan")]]})

    with pytest.raises(ValueError, match="JSON compliant"):
        broken.save(tmp_path)

    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_fingerprint_depends_on_all_that_the_result_depends_on():
    budget = Budget(episodes=7, steps=10_000, evaluations=2, evaluation_episodes=20)
    cells = [
        cell(),
        cell(seed=1),
        cell(preset="paper"),
        cell("dgn"),
        cell(fields=(("tau", 0.5),)),
        cell(options=(("max_steps", 9),)),
        cell(budget=budget),
    ]

    assert len({of.fingerprint for of in cells}) == len(cells)


def test_the_fingerprint_does_not_depend_on_the_label_or_on_how_a_default_is_said():
    assert cell(label="x").fingerprint == cell().fingerprint
    assert cell(options=(("max_steps", 50),)).fingerprint == cell().fingerprint


def test_a_field_at_the_default_of_its_class_changes_no_fingerprint():
    """Fields that came after results were stored; any other value counts."""
    assert cell(fields=(("scale_obs", True),)).fingerprint == cell().fingerprint
    assert cell(fields=(("scale_obs", False),)).fingerprint != cell().fingerprint


def test_the_fingerprint_depends_on_what_is_in_files(tmp_path):
    paths = {name: tmp_path / f"{name}.json" for name in ("roadnet", "flow")}
    for path in paths.values():
        path.write_text("[]")
    own = tuple((name, str(path)) for name, path in sorted(paths.items()))
    of = replace(cell(), scenario="traffic", options=own)

    before = of.fingerprint
    paths["flow"].write_text("[ ]")

    after = replace(of).fingerprint  # a cell works its fingerprint out once
    assert after != before
    assert replace(of, options=()).fingerprint not in (before, after)


@pytest.mark.parametrize("kind", [METHODS["dqn"], SCENARIOS["prisoner"]])
def test_a_new_version_of_method_or_scenario_makes_results_stale(monkeypatch, kind):
    before = cell().fingerprint

    monkeypatch.setattr(kind, "version", "next")

    assert cell().fingerprint != before


def test_the_record_names_its_schema_and_cell(tmp_path):
    record = json.loads(result(cell()).save(tmp_path).read_text())

    assert record["schema"] == 1
    assert record["id"] == "prisoner/dqn/seed=0"


@pytest.mark.parametrize(
    ("steps", "agents", "every"),
    [(1, 2, 1), (200, 2, 1), (201, 2, 2), (1001, 1, 6), (120, 20, 1), (360, 36, 6), (120, 50, 3)],
)
def test_traces_keep_every_kth_step_from_the_first_on(steps, agents, every):
    trace = np.arange(steps * agents, dtype=float).reshape(steps, agents)

    kept = thin_traces({"height": trace})

    assert kept["trace_every"] == every
    assert kept["traces"]["height"] == trace[::every].tolist()


def test_all_traces_of_a_record_keep_the_same_steps():
    trace = np.ones((120, 20))

    assert thin_traces({"height": trace, "width": trace})["trace_every"] == 2
    assert thin_traces({}) == {"traces": {}, "trace_every": 1}


def test_traces_have_four_decimals_also_of_single_precision():
    trace = np.array([[0.12344999, 2 / 3, 1.0]], dtype=np.float32)

    assert thin_traces({"height": trace})["traces"]["height"] == [[0.1234, 0.6667, 1.0]]


def test_thinning_what_is_thinned_changes_nothing():
    once = thin_traces({"height": np.random.default_rng(0).random((360, 36))})["traces"]

    again = thin_traces({"height": np.array(once["height"])})

    assert again == {"traces": once, "trace_every": 1}


def test_a_record_of_before_traces_were_thinned_has_every_step(tmp_path):
    path = result(cell(), share=0.5).save(tmp_path)

    assert '"trace_every":1' in path.read_text()
    assert load_result(path).trace_every == 1
