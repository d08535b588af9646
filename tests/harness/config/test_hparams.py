import pytest

from harness.config import hparams
from harness.config import search_space as search
from harness.config.hparams import build_config, read_tables
from harness.config.search_space import search_space, shaping_parameters
from harness.errors import ConfigurationError
from methods import METHODS


@pytest.fixture
def change(monkeypatch):
    """Change tables of dqn.toml; None removes a key."""

    def change(path: str, key: str, value: object) -> None:
        tables = {k: dict(v) if isinstance(v, dict) else v for k, v in read_tables("dqn").items()}
        table = tables
        for name in path.split(".") if path else []:
            table[name] = dict(table.get(name, {}))
            table = table[name]
        table[key] = value
        if value is None:
            del table[key]
        monkeypatch.setattr(hparams, "read_tables", lambda method: tables)
        monkeypatch.setattr(search, "read_tables", lambda method: tables)

    return change


def test_an_unknown_hyperparameter_names_file_table_key_and_the_nearest(change):
    change("default.prisoner", "learnin_rate", 1e-3)

    with pytest.raises(ConfigurationError) as refused:
        build_config("dqn", "prisoner", "default")

    said = str(refused.value)
    assert "dqn.toml [default.prisoner]" in said
    assert "'learnin_rate'; did you mean 'learning_rate'?" in said


def test_a_missing_hyperparameter_names_file_table_and_key(change):
    change("default.all", "capacity", None)

    with pytest.raises(
        ConfigurationError, match=r"dqn.toml \[default.all\]: no value for capacity"
    ):
        build_config("dqn", "prisoner", "default")


def test_a_hyperparameter_of_the_wrong_type_names_file_table_and_key(change):
    change("default.prisoner", "capacity", "many")

    with pytest.raises(ConfigurationError, match=r"dqn.toml \[default.prisoner\]\.capacity: "):
        build_config("dqn", "prisoner", "default")


@pytest.mark.parametrize(
    ("key", "knob", "says"),
    [
        ("tua", {"low": 0.1, "high": 1.0}, r"\.tua: dqn has no such field; did you mean 'tau'"),
        ("tau", 0.1, "a parameter is a table"),
        ("tau", {"low": 0.1, "higt": 1.0}, "higt: no such key; did you mean 'high'"),
        ("tau", {"low": 0.1}, "low and high, or choices"),
        ("tau", {"low": 1.0, "high": 0.1}, "low 1.0 is above high 0.1"),
        ("tau", {"low": 0.0, "high": 0.1, "log": True}, "log needs a low above 0"),
        ("tau", {"low": "0", "high": 0.1}, r"tau\.low.*not '0'"),
        ("tau", {"low": float("nan"), "high": 0.1}, "finite"),
        ("tau", {"choices": []}, "one value or more"),
        ("tau", {"choices": [0.1], "log": True}, "stand alone"),
        ("updates", {"choices": [1, "two"]}, "valid integer, not 'two'"),
        ("updates", {"low": 0.5, "high": 2}, "valid integer"),
        ("init", {"low": 0, "high": 1}, "not 0"),
    ],
)
def test_a_wrong_knob_is_refused_with_file_table_key_and_remedy(change, key, knob, says):
    change("search.all", key, knob)

    with pytest.raises(ConfigurationError, match=rf"dqn.toml \[search.all\]\.{key}.*") as refused:
        search_space("dqn", "prisoner")
    refused.match(says)


def test_a_search_table_of_an_unknown_scenario_is_refused(change):
    change("search.prisonr", "tau", {"low": 0.1, "high": 0.2})

    with pytest.raises(ConfigurationError, match=r"\[search.prisonr\].*did you mean 'prisoner'"):
        search_space("dqn", "prisoner")


def test_a_scenario_s_search_table_lies_over_that_of_all(change):
    change("search.prisoner", "tau", {"choices": [0.1, 0.2]})

    assert search_space("dqn", "prisoner")["tau"].choices == (0.1, 0.2)
    assert search_space("dqn", "traffic")["tau"].choices is None


@pytest.mark.parametrize("value", [None, ["alpha"]])
def test_a_wrong_shaping_knob_is_refused(change, value):
    change("", "shaping", value)

    with pytest.raises(ConfigurationError, match=r"dqn\.toml.*shaping"):
        shaping_parameters("dqn")


@pytest.mark.parametrize("method", METHODS)
def test_tuning_could_come_upon_the_default_values(method):
    for scenario in read_tables(method)["default"]:
        config = build_config(method, scenario, "default")
        for key, knob in search_space(method, scenario).items():
            assert knob.holds(getattr(config, key)), (scenario, key)
    assert set(shaping_parameters(method)) <= set(search_space(method, "all"))


def test_the_share_that_is_learned_starts_in_the_range_of_the_fixed_one():
    assert (
        search_space("ltos", "all")["selfishness"]
        == (search_space("fixed_ltos", "all")["selfishness"])
    )
