"""What a cell needs in memory: judged by what stored runs took, and compared with the machine."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.config import memory
from harness.config.grid import load_grid
from harness.config.memory import crowding

RESULTS = Path(__file__).parents[3] / "results" / "paper"

# The largest stored run of each method, preset `paper`, and where none is large.
LARGEST = {
    "jungle/ip": {},
    "jungle,n_agents=50/dgn": {"n_agents": 50},
    "jungle,n_agents=50/fixed_ltos": {"n_agents": 50},
    "jungle,n_agents=50/ltos": {"n_agents": 50},
    "prisoner/coco_q": {},
    "prisoner/inequity_dgn": {},
    "prisoner/inequity_dqn": {},
    "prisoner/ippo": {},
    "prisoner/joint_dqn": {},
    "prisoner/mappo": {},
    "prisoner/team_dgn": {},
    "prisoner/team_dqn": {},
    "prisoner/vdn": {},
    "routing/consenet": {},
    "routing/dqn": {},
    "routing/neurcomm": {},
    "routing/qmix": {},
    "traffic/lio": {},
}
SWEEP = (
    '[[sweep]]\nscenario = "{scenario}"\nmethods = ["{method}"]\nseeds = [0]\npreset = "paper"\n'
)


@pytest.fixture
def write(tmp_path):
    def write(*sweeps: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text("".join(sweeps))
        return path

    return write


def test_estimates_are_within_a_factor_of_two_of_what_stored_runs_took(write):
    sweeps = []
    for name, options in LARGEST.items():
        task, method = name.split("/")
        given = "".join(f"options.{key} = {value}\n" for key, value in options.items())
        sweeps.append(SWEEP.format(scenario=task.partition(",")[0], method=method) + given)

    for cell in load_grid(write(*sweeps)).cells:
        record = json.loads((RESULTS / f"{cell.id}.json").read_text())
        taken = record["provenance"]["peak_memory_mb"] * 2**20
        assert 0.5 < cell.memory_bytes / taken < 2, cell.id


def test_a_cell_too_large_for_the_machine_is_unavailable_and_the_others_are_not(write, monkeypatch):
    monkeypatch.setattr(memory, "machine_bytes", lambda: 8e9)
    large = "fields.hidden = [[16, 16], [16384, 16384]]\nfields.parameters = 'per_agent'\n"
    sweep = SWEEP.format(scenario="jungle", method="*") + "size_factor = 2\n"

    small, tiny, big = load_grid(
        write(
            SWEEP.format(scenario="prisoner", method="dqn"),
            SWEEP.format(scenario="jungle", method="dqn") + large,
        )
    ).cells
    assert small.unavailable is tiny.unavailable is None
    assert big.lacking
    assert big.unavailable == "needs about 109 GB of memory, this machine has 8"

    monkeypatch.setattr(memory, "machine_bytes", lambda: 1e8)
    every = load_grid(write(sweep)).cells  # `*` leaves out who cannot play, not who has no room
    assert {cell.method for cell in every} >= {"dqn", "ltos"}
    assert all(cell.lacking for cell in every)


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    limits = [tmp_path / name for name in ("max", "bytes", "missing")]
    limits[0].write_text("max\n")
    limits[1].write_text("123456\n")
    monkeypatch.setattr(memory, "_LIMITS", tuple(map(str, limits)))

    assert memory.machine_bytes.__wrapped__() == 123456


def test_cells_that_do_not_fit_beside_each_other_are_announced(write, monkeypatch):
    (cell,) = load_grid(write(SWEEP.format(scenario="prisoner", method="dqn"))).cells
    cells = [replace(cell, memory_bytes=n * 1e9) for n in (1, 2, 3)]
    monkeypatch.setattr(memory, "machine_bytes", lambda: 4e9)

    assert crowding(cells, 1) is None
    assert crowding(cells, 2) == (
        "2 cells at a time may need 5 GB of memory, this machine has 4: `-j 1` is safe"
    )
    assert crowding(cells[:2], 8) is None
    assert crowding([], 8) is None
