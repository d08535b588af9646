"""The papers' figures are data: complete, and refused when misspelled."""

import csv
from pathlib import Path

import pytest

from harness.errors import ConfigurationError
from harness.published import find_published, load_published

NUMBERS = Path(__file__).parents[3] / "shared" / "papers" / "paper_numbers.csv"
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
}


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "prisoner.toml").write_text(text)
        return tmp_path

    return write


ENTRY = 'method = "dqn"\nmetric = "return"\nvalue = 0.5\npaper = "001"\nsource = "Fig 3"\n'


@pytest.mark.skipif(not NUMBERS.exists(), reason="needs ../shared/papers/paper_numbers.csv")
def test_every_behavior_on_prisoner_that_the_papers_describe_is_there():
    with NUMBERS.open(newline="") as file:
        described = {
            (row["paper"], KEYS[row["method"]])
            for row in csv.DictReader(file)
            if row["scenario"] == "prisoner" and row["method"] in KEYS and row["setting"] == "-"
            if not row["metric"].startswith(("hyperparameter", "tabular"))
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
        (f"[[result]]\n{ENTRY.replace('value = 0.5', '')}", "neither value nor text"),
        (f"[[result]]\n{ENTRY.replace('0.5', chr(34) + 'x' + chr(34))}", "value: Input should be"),
        (f"[[result]]\n{ENTRY.replace('paper', '# paper')}", "number 1: paper: Field required"),
        ("[[result]\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_file_and_key(write, text, message):
    folder = write(text)

    with pytest.raises(ConfigurationError, match=r"harness/published/prisoner\.toml") as caught:
        load_published("prisoner", folder)

    assert message in str(caught.value)
