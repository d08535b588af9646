"""The recorded behavior of the real CityFlow, and where the data of the tests lie."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
NETS = {
    "cf_example": ("cityflow_example", "roadnet.json", "flow.json"),
    "small6x6": ("grid_6x6", "roadnet_6_6.json", "anon_6_6_small_2570_bi.json"),
    "fuhua": ("shenzhen", "roadnet_1_33.json", "anon_1_33_fuhua_0.4x24hto1h.json"),
}


def data_dir() -> Path:
    """Return the folder with the traffic data, or skip the test."""
    named = os.environ.get("HARNESS_DATA")
    folder = Path(named) if named else ROOT.parent / "shared" / "data" / "traffic"
    if not (folder / "grid_6x6").is_dir():
        pytest.skip(f"no traffic data in {folder} (set HARNESS_DATA)")
    return folder


def golden_dir() -> Path:
    """Return the folder with CityFlow's traces, or skip the test."""
    for folder in (
        data_dir().parents[1] / "golden" / "traffic",
        ROOT.parent / "shared" / "golden" / "traffic",
    ):
        if folder.is_dir():
            return folder
    pytest.skip("no recorded CityFlow traces beside the traffic data")


def files(net: str) -> tuple[Path, Path]:
    folder, roadnet, flow = NETS[net]
    return data_dir() / folder / roadnet, data_dir() / folder / flow


@dataclass
class Recording:
    """One .npz file; ``rows(t)`` are the vehicles after step t in get_vehicles() order."""

    name: str
    arrays: dict[str, np.ndarray]
    meta: dict

    @property
    def net(self) -> str:
        return next(net for net in NETS if self.name.startswith(net))

    @property
    def options(self) -> dict:
        builtin = "builtin" in self.name
        dt = 0.5 if "dt05" in self.name else 1.0
        return {"dt": dt, "seed": 7 if "seed7" in self.name else 0, "rl": not builtin}

    @property
    def n_steps(self) -> int:
        if len(self.arrays["veh"]):
            return len(self.arrays["step_ptr"]) - 1
        return int(self.name.rsplit("_", 1)[1])

    def phases(self, t: int) -> list[tuple[str, int]]:
        """Return what set_tl_phase is called with before step t."""
        if not self.options["rl"] or t % 10:
            return []
        row = self.arrays["schedule"][t // 10]
        return [(str(i), int(p)) for i, p in zip(self.arrays["inter_ids"], row, strict=True)]


def recording(name: str) -> Recording:
    with np.load(golden_dir() / f"{name}.npz") as file:
        arrays = dict(file)
    return Recording(name, arrays, json.loads(str(arrays["meta"])))
