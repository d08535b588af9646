"""Turn every shape annotation into a runtime check, in tests only.

The hook would wrap compiled functions in Python ones that numba can neither call nor cache, so
modules of simulators that use numba stay outside it, and all of the traffic engine, whose parts
are compiled together.
"""

from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

ROOT = Path(__file__).parent.parent


def simulators_without_numba() -> list[str]:
    modules = [p for p in (ROOT / "scenarios").rglob("*.py") if p.name != "__init__.py"]
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted(modules)
        if "scenarios.compiled" not in path.read_text()
        and path.name != "compiled.py"
        and "traffic" not in path.parts
    ]


def pytest_configure(config: pytest.Config) -> None:
    torch.set_num_threads(1)  # as in the workers that make the results
    if config.option.markexpr != "bench":  # a benchmark measures what users run
        modules = ["harness", "methods", "support.toys", *simulators_without_numba()]
        install_import_hook(modules, "beartype.beartype")
