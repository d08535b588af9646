"""The papers' figures are data: complete, and refused when misspelled."""

import csv
from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.published.numbers import BOUND, find_published, load_published

NUMBERS = Path(__file__).parents[4] / "shared" / "papers" / "paper_numbers.csv"
KEYS = {
    "DQN": "dqn",
    "DGN": "dgn",
    "IP": "ip",
    "NeurComm": "neurcomm",
    "fixed LToS": "fixed_ltos",
    "ConseNet": "consenet",
    "QMIX": "qmix",
    "LIO": "lio",
    "JointDQN": "joint_dqn",
    "Coco-Q": "coco_q",
    "LToS": "ltos",
    "LToS (SwarmCoLight)": "ltos",
    "upper bound": BOUND,
    "lower bound": BOUND,
}
PLACES = {  # settings of the list of numbers, as options; 6x6 stands for two networks
    "6x6 synthetic": [{}, {"network": "authors_6x6"}],
    "6x6": [{}, {"network": "authors_6x6"}],
    "Shenzhen 33 intersections": [{"network": "shenzhen"}],
    "6x6 round 99": [{"network": "authors_6x6"}],
    "6x6 round 94": [{"network": "authors_6x6"}],
    "Shenzhen round 346": [{"network": "shenzhen"}],
    "IBM 18 nodes": [{}],
    "N=20 L=12, 3 neighbours": [{}],
    "N=20 L=12": [{}],
    "N=20, 3 neighbours": [{}],
    **{f"N={n} L={n * 3 // 5}": [{"n_agents": n}] for n in (10, 30, 40, 50)},
    **{f"N=20, {k} neighbours": [{"n_neighbors": k}] for k in (1, 2, 4, 5)},
}
METRICS = {
    "average reward per step": "reward_per_step",
    "average travel time (s), after convergence, 3 runs": "duration",
    "average number of red lights one vehicle waits for per intersection": "red_lights",
    "duration (s)": "duration",
    "throughput (packets)": "throughput",
    "average delay (timesteps)": "delay",
}
EXCLUDED = [  # what no cell answers: column, how it begins, why
    ("metric", "hyperparameter: ", "a setting: methods/hparams"),
    ("metric", "tabular step size", "a setting: methods/hparams"),
    ("metric", "arrival rate", "a rule of the scenario"),
    ("setting", "env", "a rule of the scenario"),
    ("metric", "training runs per curve", "the number of runs, beside each number"),
    ("metric", "selfishness over", "a pattern in a figure, not a number"),
    (
        "metric",
        "behaviour",
        "words without an order: the figures of selfishness and render show it",
    ),
    ("setting", "6x6 round 0", "an untrained network: no cell ends there"),
    ("setting", "Shenzhen round 0", "an untrained network: no cell ends there"),
    ("metric", "queue_length", "the code rounds each queue down before it takes the mean"),
    ("metric", "vehicle_", "a count of recorded passages that nothing here repeats"),
    ("metric", "training round wall-clock", "the time of another machine"),
    ("metric", "testing round wall-clock", "the time of another machine"),
    ("metric", "100 rounds wall-clock", "the time of another machine"),
    ("metric", "400 rounds wall-clock", "the time of another machine"),
]


def paper_numbers():
    with NUMBERS.open(newline="") as file:
        return list(csv.DictReader(file))


def is_behavior_on_prisoner(row):
    return row["scenario"] == "prisoner" and row["metric"].startswith(("average", "behaviour"))


def is_excluded(row, rule):
    column, beginning, _ = rule
    return row[column].startswith(beginning) and not is_behavior_on_prisoner(row)


def is_published(row):
    if is_behavior_on_prisoner(row):
        stated = {(e.paper, e.method) for e in load_published("prisoner")}
        return (row["paper"], KEYS[row["method"]]) in stated
    entries = load_published(row["scenario"])
    return all(
        any(
            (entry.paper, entry.value) == (row["paper"], float(row["value"]))
            for entry in find_published(
                entries, KEYS[row["method"]], METRICS[row["metric"]], options
            )
        )
        for options in PLACES[row["setting"]]
    )


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "prisoner.toml").write_text(text)
        return tmp_path

    return write


ROW = '[[row]]\nmetric = "return"\npaper = "001"\nsource = "Table 1"\nvalues = { dqn = 0.5 }\n'
ENTRY = 'method = "dqn"\nmetric = "return"\nvalue = 0.5\npaper = "001"\nsource = "Fig 3"\n'


needs_numbers = pytest.mark.skipif(
    not NUMBERS.exists(), reason="needs ../shared/papers/paper_numbers.csv"
)


@needs_numbers
def test_every_number_of_the_papers_is_published_or_left_out_for_a_reason():
    rows = paper_numbers()

    left = [row for row in rows if not any(is_excluded(row, rule) for rule in EXCLUDED)]

    assert [row for row in left if not is_published(row)] == []
    assert len(left) > 90


@needs_numbers
@pytest.mark.parametrize("rule", EXCLUDED, ids=lambda rule: rule[1])
def test_every_reason_to_leave_numbers_out_is_needed(rule):
    others = [other for other in EXCLUDED if other is not rule]

    assert any(
        is_excluded(row, rule) and not any(is_excluded(row, other) for other in others)
        for row in paper_numbers()
    )


@needs_numbers
def test_no_published_number_is_invented():
    printed = {
        (row["paper"], row["scenario"], KEYS[row["method"]], float(row["value"]))
        for row in paper_numbers()
        if row["method"] in KEYS and row["metric"] in METRICS
    }

    stated = {
        (entry.paper, scenario, entry.method, entry.value)
        for scenario in ("jungle", "routing", "traffic")
        for entry in load_published(scenario)
    }

    assert stated <= printed


@needs_numbers
def test_every_behavior_on_prisoner_that_the_papers_describe_is_there():
    described = {
        (row["paper"], KEYS[row["method"]])
        for row in paper_numbers()
        if is_behavior_on_prisoner(row)
    }

    stated = {(e.paper, e.method) for e in load_published("prisoner") if e.method != "bound"}

    assert stated == described


def test_a_number_and_its_wording_are_both_kept():
    entries = load_published("prisoner")

    (found,) = [
        entry for entry in find_published(entries, "dqn", "return", {}) if entry.paper == "001"
    ]

    assert (found.value, found.shown, found.runs) == (0.5, "about 0.5", 5)
    assert find_published(entries, "dqn", "return", {"max_steps": 10}) == ()


def test_a_number_without_words_is_shown_as_a_number(write):
    (entry,) = load_published("prisoner", write(f"[[result]]\n{ENTRY}"))

    assert entry.shown == "0.5"


def test_a_row_of_a_table_is_an_entry_per_method(write):
    text = ROW.replace("{ dqn = 0.5 }", "{ dqn = 0.5, dgn = 0.25 }\noptions.max_steps = 9")

    entries = load_published("prisoner", write(text))

    assert [(e.method, e.value, e.source, e.options) for e in entries] == [
        ("dqn", 0.5, "Table 1", {"max_steps": 9}),
        ("dgn", 0.25, "Table 1", {"max_steps": 9}),
    ]


def test_a_scenario_without_a_file_has_no_published_numbers(tmp_path):
    assert load_published("prisoner", tmp_path) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"[[result]]\n{ENTRY}sorce = 'x'\n",
            "number 1: sorce: unknown key; did you mean 'source'",
        ),
        (f"[[results]]\n{ENTRY}", "unknown key 'results'; did you mean 'result'"),
        (f"[[result]]\n{ENTRY.replace('return', 'retrun')}", "metric 'retrun'; did you mean 'ret"),
        (f"[[result]]\n{ENTRY.replace('return', 'steps')}", "headline metric 'steps'; valid: ret"),
        (f"[[result]]\n{ENTRY}options.max_step = 3\n", "option 'max_step'; did you mean 'max_s"),
        (f"[[result]]\n{ENTRY}spread = -1.0\n", "spread: Input should be greater"),
        (ROW.replace("dqn = 0.5", ""), "values: Dictionary should have at least 1"),
        (ROW.replace("0.5", "'x'"), "values.dqn: Input should be a valid number"),
        (f"[[result]]\n{ENTRY.replace('value = 0.5', '')}", "neither value nor text"),
        (f"[[result]]\n{ENTRY.replace('0.5', chr(34) + 'x' + chr(34))}", "value: Input should be"),
        (f"[[result]]\n{ENTRY.replace('paper', '# paper')}", "number 1: paper: missing"),
        ("[[result]\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_file_and_key(write, text, message):
    folder = write(text)

    with pytest.raises(ConfigurationError, match=r"harness/published/prisoner\.toml") as caught:
        load_published("prisoner", folder)

    assert message in str(caught.value)
