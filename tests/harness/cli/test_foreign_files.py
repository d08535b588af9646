"""Files from others: what commands say of those that are wrong, and their exit codes."""

import json
import sys
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.config.grid import load_grid
from harness.results.checkpoint import load_checkpoint, save_checkpoint
from harness.results.files import CellFiles
from harness.results.index import State, look
from harness.training.worker import work
from scenarios.traffic.grid_generator import generate_roadnet
from support.recorded import reseal, whole

GRID = """
description = "two cells"
[[sweep]]
scenario = "prisoner"
methods = ["dqn"]
seeds = [0, 1]
budget = { episodes = 10, steps = 20, evaluations = 5, evaluation_episodes = 1 }
"""
HERE = "sweep = [{ scenario = 'prisoner', methods = ['dqn'], seeds = [0]"


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Call the command line in an empty folder: exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(GRID)

    def call(*arguments):
        try:
            main([*arguments])
        except SystemExit as ended:
            return ended.code, *capsys.readouterr()
        return 0, *capsys.readouterr()

    return call


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x = " + b"[" * 5000, "not valid TOML: "),
        (b"x = " + b"9" * 5000, "not valid TOML: Exceeds the limit (4300 digits)"),
        (b"x = 0x" + b"f" * 5000, "an integer has more than 128 bits"),
        (b"a" + b".a" * 500 + b" = 1", "nested more than 32 levels deep"),
        (b"x = " + b"[" * 40 + b"]" * 40, "nested more than 32 levels deep"),
        (b"#" * (1 << 23), "has more than 4194304 bytes"),
        (b"\xff\xfe", "not valid TOML: "),
        (b"description = 7", "description: Input should be a valid string"),
        (b"description = ''\n" + HERE.encode() + b", new = 1 }]", "sweep[0].new: unknown key"),
    ],
)
@pytest.mark.parametrize("command", ["plan", "run", "status", "report"])
def test_a_grid_that_is_none_is_refused(call, command, content, said):
    Path("wrong.toml").write_bytes(content)

    code, out, log = call(command, "--grid", "wrong.toml")

    assert code == 2
    assert not out
    assert log.startswith("error: wrong.toml: ")
    assert said in log
    assert len(log.splitlines()) == 1


@pytest.mark.parametrize(
    "name", ["...toml", "..toml", ".toml", "-v.toml", "a\nb.toml", "a" * 120 + ".toml", " .toml"]
)
def test_no_grid_is_called_like_a_folder_above_or_an_option(call, name):
    Path(name).write_text(GRID)

    code, _, log = call("run", "--grid", f"./{name}")

    assert code == 2
    assert "cannot name a folder of results; it is to begin with a letter or digit" in log
    assert not Path("results").exists()


def test_a_grid_may_be_called_like_most_things(call):
    Path("Straßen 2.1 (neu),x=3.toml").write_text(GRID)

    assert call("plan", "--grid", "Straßen 2.1 (neu),x=3.toml")[0] == 0


CURVE = "curve[0]: Input should be an object"


def deep(record):
    record["config"]["hidden"] = json.loads("[" * 250 + "]" * 250)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.update(curve=[1, 2]), CURVE),
        (lambda r: r.update(curve=[]), "curve: List should have at least 1 item"),
        (lambda r: r.update(curve=None), "curve: Input should be a valid array"),
        (lambda r: r["curve"][1]["metrics"].update({"return": "much"}), "curve[1].metrics.return"),
        (lambda r: r["curve"][1]["metrics"].update({"return": None}), "curve[1].metrics.return"),
        (lambda r: r["curve"][1]["metrics"].update({"return": 1e300}), "curve[1].metrics.return"),
        (lambda r: r["curve"][0]["metrics"].pop("return"), "curve[0].metrics.return: missing"),
        (lambda r: r["curve"][1]["metrics"].pop("return"), "curve[1].metrics: not the names"),
        (lambda r: r["curve"][1].update(step=-1), "curve[1].step: Input should be greater"),
        (lambda r: r["curve"][1].update(step=9**4000), "curve[1].step"),
        (lambda r: r["curve"].reverse(), "curve[0].evaluation: 5, not 1"),
        (lambda r: r["curve"][1].update(step=0, episode=0), "curve[1]: episodes and steps run"),
        (lambda r: r.update(episodes={}), "episodes: Dictionary should have at least 1 item"),
        (lambda r: r["episodes"].update({"return": [[1.0]]}), "episodes.return: not those of"),
        (lambda r: r["episodes"]["return"][0].append(1.0), "episodes.return: Value error"),
        (lambda r: r.update(traces={"selfishness": [[1.0], []]}), "traces.selfishness"),
        (lambda r: r.update(trace_every=0), "trace_every"),
        (lambda r: r["provenance"].pop("cpu_s"), "provenance.cpu_s: Field required"),
        (lambda r: r["provenance"].update(wall_s=-1.0), "provenance.wall_s"),
        (lambda r: r["provenance"].update(packages="torch"), "provenance.packages"),
        (lambda r: r["provenance"].update(finished="today"), "provenance.finished"),
        (lambda r: r["method"].update(hops="two"), "method.hops"),
        (lambda r: r["cell"].update(seed=7), "is the record of prisoner"),
        (lambda r: r["cell"].update(scenario="chess"), "is the record of chess"),
        (lambda r: r["cell"].update(options={}), "cell.options"),
        (lambda r: r.pop("fingerprint"), "fingerprint: Field required"),
        (lambda r: r.update(new=1), "new: Extra inputs are not permitted"),
        (lambda r: r.update(schema=2), "written in another format"),
        (deep, "recursion limit exceeded"),
    ],
)
def test_a_record_that_was_signed_anew_never_counts_and_breaks_nothing(call, change, said):
    cells = load_grid("mine.toml").cells
    whole(cells[0]).save(Path("results/mine"))
    reseal(whole(cells[1]).save(Path("results/mine")), change)

    code, out, _ = call("status", "--grid", "mine.toml", "--json")

    done, damaged = look(cells, Path("results/mine"))
    assert code == 0
    assert json.loads(out)["states"] == {"done": 1, "damaged": 1}
    assert (done.state, damaged.state) == (State.DONE, State.DAMAGED)
    assert said in damaged.reason


def test_a_damaged_record_is_named_by_every_command_and_made_again(call, monkeypatch):
    monkeypatch.setattr("harness.report.files.draw", lambda plot: b"")  # figures take their time
    cells = load_grid("mine.toml").cells
    whole(cells[0]).save(Path("results/mine"))
    path = reseal(whole(cells[1]).save(Path("results/mine")), lambda r: r.update(curve=[1, 2]))

    reported = call("report", "--grid", "mine.toml")
    strict = call("report", "--grid", "mine.toml", "--strict")
    exported = call("export", "--grid", "mine.toml", "--format", "csv")
    compared = call("compare", "results", "results")
    ran = call("run", "--grid", "mine.toml", "--jobs", "1")

    assert [code for code, *_ in (reported, strict, exported, compared, ran)] == [0, 3, 0, 2, 0]
    assert "damaged record" in strict[2]
    assert CURVE in Path("reports/mine.md").read_text().replace("\\", "")
    assert CURVE in Path("exports/mine/runs.csv").read_text()
    assert f"{CURVE}; move it away, or run its cell again" in compared[2]
    assert "seed=1.json.damaged and computed again" in ran[2]
    assert path.exists()


def stopped():
    """The files of a cell that was stopped half way."""
    of, asked = load_grid("mine.toml").cells[0], iter([False, False, False, True])
    work(of, Path("results/mine"), 0.0, lambda: next(asked))
    return CellFiles.of(Path("results/mine"), of)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.update(stream=None), "stream"),
        (lambda s: s.update(stream=(0, "")), "not the stream its checkpoint was made with"),
        (lambda s: s.pop("cost"), "cost"),
        (lambda s: s["cost"].update(wall_s=float("nan")), "cost.wall_s"),
        (lambda s: s["cost"].update(resumed="often"), "cost.resumed"),
        (lambda s: s.update(training=None), "training"),
        (lambda s: s["training"]["method"].update(optimizer=None), "NoneType, not dict"),
        (lambda s: s["training"]["method"].update(optimizer={}), "optimizer: has not .state"),
        (lambda s: s["training"]["method"].update(steps=None), "steps: NoneType, not int"),
        (lambda s: s["training"]["method"]["replay"].update(added=10**6), "replay.dat"),
        (lambda s: s["training"].update(world="[" * 5000), "RecursionError"),
        (lambda s: s["training"].update(evaluation=4), "does not stand where its stream ends"),
        (lambda s: s["training"].update(step=10**6), "does not stand where its stream ends"),
        (lambda s: s["training"]["seconds"].update(train_s=-1.0), "seconds.train_s: -1.0"),
    ],
)
def test_a_checkpoint_that_was_signed_anew_is_moved_aside_and_the_cell_starts_over(
    call, change, said
):
    files = stopped()
    state = load_checkpoint(files.checkpoint)
    change(state)
    save_checkpoint(files.checkpoint, state)

    outcome = work(load_grid("mine.toml").cells[0], Path("results/mine"), 1e9, lambda: False)

    assert outcome.state == "done"
    assert said in outcome.notes[0]
    assert "moved to seed=0.pt.damaged, the cell starts over" in outcome.notes[0]
    assert files.result.exists()


def test_run_says_what_became_of_a_checkpoint(call):
    files = stopped()
    save_checkpoint(files.checkpoint, load_checkpoint(files.checkpoint) | {"stream": None})

    code, _, log = call("run", "--grid", "mine.toml", "--only", "seed=0", "--jobs", "1")

    assert code == 0
    assert "seed=0.pt: stream: Input should be a valid tuple; moved to seed=0.pt.damaged" in log


@pytest.mark.parametrize("content", ["[" * 9000, "9" * 9000, "[]", '{"id": []}', "null", ""])
def test_a_record_of_a_failure_that_is_none_does_not_count(call, content):
    failure = CellFiles.of(Path("results/mine"), load_grid("mine.toml").cells[0]).failure
    failure.parent.mkdir(parents=True)
    failure.write_text(content)

    code, out, _ = call("status", "--grid", "mine.toml", "--json")

    assert code == 0
    assert json.loads(out)["states"] == {"missing": 2}


def network(**changes):
    nodes = [{"name": name, "zoo": [0.1 * i, 0.2]} for i, name in enumerate("ABC")]
    return json.dumps({"nodes": nodes, "edges": [[0, 1], [1, 2]]} | changes)


def roads(**changes):
    return json.dumps(generate_roadnet(1, 2, points=False) | changes)


@pytest.mark.parametrize(
    ("option", "content", "said"),
    [
        ("topology", "[" * 5000, "recursion limit exceeded"),
        ("topology", network(edges=[[0, "x"]]), "edges.0.1: Input should be a valid integer"),
        ("topology", network(edges=[[0, 1, 2]]), "edges.0: Tuple should have at most 2 items"),
        ("topology", network(edges=[[0, 0.5]]), "edges.0.1: Input should be a valid integer"),
        ("topology", network(edges=1), "edges: Input should be a valid array"),
        ("topology", network(nodes=[1, 2]), "nodes.0: Input should be an object"),
        ("topology", network(nodes=[{"name": "A", "zoo": [91, 0]}]), "node A has [91, 0]"),
        ("topology", network(nodes=[{"name": "A", "zoo": ["1", 0]}]), "node A has ['1', 0]"),
        ("topology", network(nodes=[{"name": "A", "zoo": [10**400, 0]}]), "node A has [1000"),
        ("topology", network().replace("0.1", "NaN"), "node B has [nan, 0.2]"),
        ("roadnet", "[" * 5000, "roadnet.json: file: not valid JSON"),
        ("roadnet", '{"roads": ' + "9" * 5000 + "}", "roadnet.json: file: not valid JSON: Exceeds"),
        ("roadnet", roads(roads=None), "roadnet.json: roadnet: 'roads' must be a list"),
        ("flow", '[{"route": ' + "[" * 5000, "flow.json: file: not valid JSON"),
        ("flow", "[1]", "flow.json: flow 'flow_0': must be an object"),
    ],
)
def test_a_network_or_flow_that_is_none_is_refused_by_file_and_key(call, option, content, said):
    Path("roadnet.json").write_text(roads())
    Path("flow.json").write_text("[]")
    Path(f"{option}.json").write_text(content)
    scenario, given = "traffic", 'roadnet = "roadnet.json", flow = "flow.json"'
    if option == "topology":
        scenario, given = "routing", 'topology = "topology.json", coordinates = "zoo"'
    sweep = (
        f'{{ scenario = "{scenario}", methods = ["dqn"], seeds = [0], options = {{ {given} }} }}'
    )
    Path("net.toml").write_text(f'description = ""\nsweep = [{sweep}]')

    code, _, log = call("plan", "--grid", "net.toml")

    assert code == 2
    assert log.startswith("error: net.toml: sweep[0].options: ")
    assert said in log


@pytest.mark.parametrize("command", ["plan", "status", "run"])
def test_a_module_that_a_grid_names_is_told_with_its_file(call, command, monkeypatch):
    pytest.importorskip("pettingzoo")
    monkeypatch.syspath_prepend(Path.cwd())
    monkeypatch.delitem(sys.modules, "my_game", raising=False)
    Path("my_game.py").write_text("from mpe2.simple_spread_v3 import parallel_env\n")
    options = 'options = { module = "my_game", max_steps = 5, N = 2 }'
    budget = "budget = { episodes = 1, steps = 0, evaluations = 1, evaluation_episodes = 1 }"
    sweep = f'{{ scenario = "pettingzoo", methods = ["random"], seeds = [0], {options}, {budget} }}'
    Path("own.toml").write_text(f'description = ""\nsweep = [{sweep}]')

    code, out, log = call(command, "--grid", "own.toml", "--json")

    assert code == 0
    assert json.loads(out)["grid"] == "own"
    assert f"imports my_game from {Path.cwd() / 'my_game.py'}\n" in log


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_no_cell_of_a_csv_file_is_a_formula(call, start):
    Path("mine.toml").write_text(GRID + f"label = {json.dumps(start + '1+1')}\n")
    for of in load_grid("mine.toml").cells:
        whole(of, **{"return": -0.5}).save(Path("results/mine"))

    code, *_ = call("export", "--grid", "mine.toml", "--format", "csv")

    lines = Path("exports/mine/curves.csv").read_text().splitlines()
    assert code == 0
    assert f",'{start}1+1," in lines[1]
    assert "-0.5" in {line.split(",")[-1] for line in lines}
