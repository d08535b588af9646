"""The papers' claims are data: complete entries, refused when misspelled."""

import pytest

from harness.errors import ConfigurationError
from harness.published.claims import When, load_claims
from harness.published.numbers import load_published
from harness.stats.decision import Relation

CLAIM = """
[[claim]]
paper = "001"
source = "Sec 5"
words = "LToS is better"
scenario = "jungle"
metric = "reward_per_step"
methods = ["ltos"]
others = ["dqn", "dgn"]
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        (tmp_path / "claims.toml").write_text(text)
        return tmp_path

    return write


def test_what_is_left_out_has_its_usual_meaning(write):
    (claim,) = load_claims(write(CLAIM))

    assert (claim.relation, claim.when, claim.options) == (Relation.BETTER, When.END, {})
    assert claim.baselines == (("dqn", {}), ("dgn", {}))


def test_others_may_have_been_run_elsewhere(write):
    text = (
        CLAIM + 'others_options = [{ n_neighbors = 1 }, { n_neighbors = 5 }]\nwhen = "training"\n'
    )

    (claim,) = load_claims(write(text.replace('["dqn", "dgn"]', '["ltos"]')))

    assert claim.baselines == (("ltos", {"n_neighbors": 1}), ("ltos", {"n_neighbors": 5}))
    assert claim.when is When.TRAINING


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("words", "word", "word: unknown key; did you mean 'words'"),
        ('words = "LToS is better"', "", "words: missing"),
        ('["ltos"]', '["ltoss"]', "unknown method 'ltoss'; did you mean 'ltos'"),
        ('"dgn"', '"dgnn"', "unknown method 'dgnn'; did you mean 'dgn'"),
        ('["dqn", "dgn"]', "[]", "others: "),
        ("jungle", "jungel", "unknown scenario 'jungel'; did you mean 'jungle'"),
        ("reward_per_step", "reward_step", "metric 'reward_step'; did you mean 'reward_per_step'"),
        ("[[claim]]", "[[claims]]", "unknown key 'claims'; did you mean 'claim'"),
        ("[[claim]]", "[[claim]", "not valid TOML"),
        ("methods", "relation = 'above'\nmethods", "relation: Input should be 'better than'"),
        ("methods", "options.n_agent = 3\nmethods", "option 'n_agent'; did you mean 'n_agents'"),
        ("methods", "others_options = [{ x = 3 }]\nmethods", "unknown option 'x'"),
    ],
)
def test_a_wrong_claim_is_refused_by_file_number_and_key(write, old, new, message):
    folder = write(CLAIM.replace(old, new, 1))

    with pytest.raises(ConfigurationError, match=r"harness/published/claims\.toml") as caught:
        load_claims(folder)

    assert message in str(caught.value)


def test_every_table_of_the_papers_has_its_claim_that_ltos_is_best():
    claimed = {
        (claim.scenario, claim.metric, str(claim.options), other)
        for claim in load_claims()
        if "ltos" in claim.methods and claim.relation is Relation.BETTER
        for other in claim.others
    }

    for scenario in ("jungle", "routing", "traffic"):
        for entry in load_published(scenario):
            if entry.method not in ("ltos", "bound"):
                key = scenario, entry.metric, str(entry.options), entry.method
                assert key in claimed, key
