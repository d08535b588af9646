"""One virtual environment for all tox environments: torch alone takes minutes and gigabytes.

tox 4 notes in an environment's folder which tox environment it belongs to, and builds it anew when
another one asks for the same ``env_dir``. The runner here leaves that note out; any change of
dependencies still rebuilds the folder.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tox.plugin import impl
from tox.tox_env.api import ToxEnv
from tox.tox_env.info import Info
from tox.tox_env.python.virtual_env.runner import VirtualEnvRunner
from tox.tox_env.register import ToxEnvRegister


class SharedInfo(Info):
    """Notes about a folder that are the same for whoever uses it."""

    @contextmanager
    def compare(
        self, value: Any, section: str, sub_section: str | None = None
    ) -> Iterator[tuple[bool, Any | None]]:
        """Compare notes, the name of the tox environment left out."""
        if section == ToxEnv.__name__:
            value = {**value, "name": "shared"}
        with super().compare(value, section, sub_section) as verdict:
            yield verdict


class SharedVirtualEnvRunner(VirtualEnvRunner):
    """A virtualenv runner whose folder may serve several tox environments, one after another."""

    @staticmethod
    def id() -> str:
        """Return the value of ``runner`` that selects it."""
        return "shared-virtualenv"

    @property
    def cache(self) -> Info:
        """Notes about the folder."""
        return SharedInfo(self.env_dir)


@impl
def tox_register_tox_env(register: ToxEnvRegister) -> None:
    """Make the runner known."""
    register.add_run_env(SharedVirtualEnvRunner)
