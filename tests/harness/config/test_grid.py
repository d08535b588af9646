import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config import scenario as tasks
from harness.config.grid import load_grid, shipped_grids
from harness.errors import ConfigurationError
from methods import METHODS
from scenarios import SCENARIOS
from scenarios.base import Scenario
from support.toys import Line

HEAD = 'description = "a test"\n'


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def write(sweeps: str, head: str = HEAD) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(head + sweeps)
        return path

    return write


def sweep(**changes: str) -> str:
    keys = {"scenario": '"prisoner"', "methods": '["dqn"]', "seeds": "[0]"} | changes
    return "[[sweep]]\n" + "".join(
        f"{key.replace('__', '.')} = {value}\n" for key, value in keys.items()
    )


@pytest.mark.parametrize("name", shipped_grids())
def test_every_shipped_grid_loads_and_names_each_cell_once(name):
    grid = load_grid(name)

    assert grid.name == name
    assert grid.description
    assert len({cell.id for cell in grid.cells}) == len(grid.cells) > 0


def test_the_paper_grid_has_five_seeds_for_the_papers_column_and_ten_for_ours():
    cells = [c for c in load_grid("paper").cells if c.task == "prisoner" and c.method == "ltos"]

    assert {c.seed for c in cells if c.label == "paper"} == set(range(5))
    assert {c.seed for c in cells if c.label == "default"} == set(range(10))
    assert {c.preset for c in cells} == {"paper", "default"}


@pytest.mark.parametrize(
    ("scenario", "methods", "seeds"),
    [("prisoner", 11 + 8, 5), ("jungle", 9, 5), ("traffic", 9, 5), ("routing", 7, 3)],
)
def test_the_paper_grid_holds_every_comparison_of_the_papers(scenario, methods, seeds):
    cells = [c for c in load_grid("paper").cells if c.task == scenario and c.label == "paper"]

    # The papers' eleven in prisoner, and eight a reviewer will ask for.
    learners = {c.method for c in cells} - {"random", "reference"}

    assert len(learners) == methods
    assert {c.seed for c in cells} == set(range(seeds))


def test_the_paper_grid_holds_the_studies_of_agents_neighbors_and_selfishness():
    ids = {cell.id for cell in load_grid("paper").cells}

    assert {f"jungle,n_agents={n}/ltos,paper/seed=4" for n in (10, 30, 40, 50)} <= ids
    assert {f"jungle,n_neighbors={n},planes=true/ltos/seed=9" for n in (1, 2, 4, 5)} <= ids
    assert {f"prisoner/fixed_ltos,selfishness={s}/seed=0" for s in (1.0, 0.7, 0.3)} <= ids
    assert "traffic,network=shenzhen/qmix,paper/seed=0" in ids


def test_lists_are_swept_as_a_product(write):
    path = write(sweep(options__max_steps="[10, 20]", fields__tau="[0.2, 0.3]", seeds="[0, 1, 2]"))

    cells = load_grid(path).cells

    assert len(cells) == 2 * 2 * 3
    assert cells[0].id == "prisoner,max_steps=10/dqn,tau=0.2/seed=0"
    assert cells[-1].id == "prisoner,max_steps=20/dqn,tau=0.3/seed=2"


def test_what_equals_the_default_is_left_out_of_the_cell(write):
    path = write(sweep(options__max_steps="50", fields__tau="0.1", budget="{ evaluations = 100 }"))

    (cell,) = load_grid(path).cells

    assert cell.id == "prisoner/dqn/seed=0"
    assert cell.options == cell.fields == ()


def test_a_number_is_named_the_same_however_it_is_written(write):
    path = write(sweep(fields__discount="1"))

    (cell,) = load_grid(path).cells

    assert cell.variant == "dqn,discount=1.0"


def test_a_field_that_is_a_tuple_is_given_as_a_list_of_lists(write):
    path = write(sweep(fields__hidden="[[64, 64], [16]]"))

    first, second = load_grid(path).cells

    assert first.fields == (("hidden", (64, 64)),)
    assert second.variant == "dqn,hidden=16"


def test_the_label_is_the_preset_unless_stated(write):
    path = write(sweep(preset='"paper"') + sweep(label='"ours"'))

    assert [cell.label for cell in load_grid(path).cells] == ["paper", "ours"]


def test_a_star_means_every_learning_method_that_is_able(write):
    path = write(sweep(methods='["*"]'))

    methods = {cell.method for cell in load_grid(path).cells}

    assert "dqn" in methods
    assert not methods & {"random", "reference"}


def test_an_incapable_pair_is_unavailable_with_its_reason(write, monkeypatch):
    monkeypatch.setattr(METHODS["dqn"], "unsuitable", lambda spec, config: "too many agents")

    (cell,) = load_grid(write(sweep())).cells

    assert cell.unavailable == "too many agents"
    assert not cell.lacking


@pytest.mark.parametrize(
    ("method", "n_agents", "reason"),
    [("coco_q", 3, "two agents; this scenario has 3"), ("joint_dqn", 7, "3^7 joint actions")],
)
def test_a_method_beyond_its_capabilities_is_refused_while_planning(
    write, monkeypatch, method, n_agents, reason
):
    monkeypatch.setattr("harness.config.scenario.SCENARIOS", {"prisoner": Line})
    monkeypatch.setattr(
        tasks, "_option_model", tasks._option_model.__wrapped__
    )  # no cached options

    (cell,) = load_grid(
        write(sweep(methods=f'["{method}"]', options__n_agents=str(n_agents)))
    ).cells

    assert reason in cell.unavailable


def test_a_star_leaves_out_the_incapable(write, monkeypatch):
    monkeypatch.setattr(METHODS["dqn"], "unsuitable", lambda spec, config: "too many agents")

    grid = load_grid(write(sweep(methods='["*"]')))

    assert "dqn" not in {cell.method for cell in grid.cells}
    assert not any(cell.unavailable for cell in grid.cells)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (sweep(optoins__n="1"), "sweep[0].optoins: unknown key; did you mean 'options'?"),
        (sweep() + sweep(budget="{ epsiodes = 1 }"), "sweep[1].budget.epsiodes: unknown key; did"),
        (sweep(scenario='"prisonr"'), "sweep[0].scenario: unknown scenario 'prisonr'; did you"),
        (sweep(methods='["dqm"]'), "sweep[0].methods: unknown method 'dqm'; did you mean 'dqn'?"),
        (sweep(methods="[]"), "sweep[0].methods:"),
        (sweep(preset='"papr"'), "sweep[0].preset: Input should be 'paper', 'default' or"),
        (sweep(options__max_step="9"), "sweep[0].options.max_step: prisoner has no such option; "),
        (sweep(options__max_steps='"9"'), "sweep[0].options.max_steps: "),
        (sweep(options__max_steps="0"), "sweep[0].options: max_steps is 0; an episode needs"),
        (sweep(options__max_steps="[]"), "sweep[0].options.max_steps: an empty list"),
        (sweep(options__max_steps="nan"), "sweep[0].options.max_steps: should be finite numbers"),
        (sweep(options__episodes="9"), "sweep[0].options.episodes: that is a budget's name"),
        (sweep(fields__taw="0.5"), "sweep[0].fields.taw: dqn has no such field; did you mean"),
        (sweep(fields__tau='"x"'), "sweep[0].fields.tau: "),
        (sweep(methods='["reference"]', fields__policy='"defekt"'), "did you mean 'defect'?"),
        (sweep(seeds="[1, 2, 1]"), "sweep[0].seeds: 1 repeats"),
        (
            sweep(seeds="[-1]"),
            "sweep[0].seeds[0]: Input should be greater than or equal to 0, not -1",
        ),
        (sweep(seeds="[1000]"), "sweep[0].seeds: 1000 is reserved for tuning"),
        (sweep(seeds="[true]"), "sweep[0].seeds[0]: Input should be a valid integer, not True"),
        (sweep(seeds="[]"), "sweep[0].seeds:"),
        (sweep(budget="{ episodes = 5 }"), "sweep[0].budget: 100 evaluations in 5 training"),
        (sweep(budget="{ steps = -1 }"), "sweep[0].budget: steps: "),
        (sweep() + sweep(), "sweep[1]: names cell prisoner/dqn/seed=0 again, after sweep[0]"),
        (
            sweep(scenario='"jungle"', options__planes="true")
            + sweep(scenario='"jungle"', options__planes="1"),
            "sweep[1].options.planes: Input should be a valid boolean, not 1",
        ),
        (sweep(methods='["dqn", "dqn"]'), "sweep[0]: names cell prisoner/dqn/seed=0 again"),
        ("", "sweep: missing"),
        ("[[sweep]\n", "not valid TOML"),
    ],
)
def test_a_wrong_grid_is_refused_with_file_key_and_remedy(write, text, says):
    path = write(text)

    with pytest.raises(ConfigurationError) as caught:
        load_grid(path)

    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)


def test_a_scenario_that_several_sweeps_name_is_built_once(write, monkeypatch):
    built, prisoner = [], SCENARIOS["prisoner"]

    def counted(**options: int) -> Scenario:
        built.append(options)
        return prisoner(**options)

    counted.__signature__ = inspect.signature(prisoner)
    monkeypatch.setattr("harness.config.scenario.SCENARIOS", {"prisoner": counted})
    sweeps = [sweep(seeds=f"[{seed}]") for seed in range(3)]

    assert len(load_grid(write("".join(sweeps))).cells) == 3
    assert len(built) == 1


def test_a_tuning_grid_takes_tuning_seeds_only(write):
    good = load_grid(write(sweep(seeds="[1000]"), HEAD + "tuning = true\n"))
    assert good.tuning

    with pytest.raises(ConfigurationError, match="999 is a reporting seed"):
        load_grid(write(sweep(seeds="[999]"), HEAD + "tuning = true\n"))


def test_an_unknown_grid_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigurationError, match="did you mean 'paper'"):
        load_grid("papre")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_grid(tmp_path / "none.toml")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigurationError, match="not valid TOML"):
        load_grid(path)
