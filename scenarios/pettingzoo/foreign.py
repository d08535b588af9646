"""PettingZoo environments of others: found by the name of their module, made and checked.

To import a module is to execute it: whoever runs a grid file runs the modules it names, as they
would run a program. Nothing but a dotted name is imported, never a path or an address.
"""

import difflib
import hashlib
import pkgutil
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.base import Unavailable

EXTRA = ("pettingzoo", "gymnasium", "mpe2")  # what the optional extra brings
INSTALL_EXTRA = "pip install -e '.[pettingzoo]'"


def make(module: str, options: Mapping[str, Any]) -> Any:
    """Import a module and call its ``parallel_env``.

    Args:
        module: Dotted name of a module that can be imported.
        options: Keyword arguments of its ``parallel_env``.

    Raises:
        Unavailable: It is not installed, or needs something that is not; the message has
            the command that installs it.
        ValueError: It is no name of a module, there is no such module in its package, it fails
            while it is imported, it has no ``parallel_env``, or that refuses the options.
    """
    if not all(part.isidentifier() for part in module.split(".")):
        raise ValueError(
            f"module is {module!r}; it must be the dotted name of a module, such as "
            "'mpe2.simple_spread_v3'"
        )
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        raise _not_found(module, error) from error
    except Exception as error:  # whatever code of somebody else raises
        raise ValueError(f"module {module!r} cannot be imported: {_said(error)}") from error
    if not callable(getattr(found, "parallel_env", None)):
        raise ValueError(f"module {module!r} has no parallel_env, which makes the environment")
    try:
        return found.parallel_env(**options)
    except ModuleNotFoundError as error:
        raise _not_found(module, error) from error
    except Exception as error:  # environments refuse options by assertions, too
        raise ValueError(
            f"module {module!r}: parallel_env refuses the options {dict(options)}: {_said(error)}"
        ) from error


def agents_of(env: Any, module: str) -> tuple[str, ...]:
    """Return the names of an environment's agents.

    Raises:
        ValueError: It does not tell them.
    """
    agents = tuple(getattr(env, "possible_agents", ()))
    if not agents:
        raise ValueError(f"module {module!r}: possible_agents is empty; it must name the agents")
    return agents


def sizes_of(
    env: Any, agents: tuple[str, ...], module: str
) -> tuple[int, int, np.dtype[np.generic]]:
    """Return the number of actions and of features, and the type of observations.

    Raises:
        ValueError: Spaces differ between agents, actions are not discrete or do not start at 0,
            or observations are no arrays.
    """
    spaces = import_module("gymnasium.spaces")
    of = {agent: (env.action_space(agent), env.observation_space(agent)) for agent in agents}
    first, (action, observation) = next(iter(of.items()))
    for agent in agents:
        if of[agent] != of[first]:
            raise ValueError(
                f"module {module!r}: the spaces of {first} are {of[first]}, those of {agent} are "
                f"{of[agent]}; they must be equal"
            )
    if not isinstance(action, spaces.Discrete) or action.start != 0:
        raise ValueError(f"module {module!r}: actions are {action}; they must be Discrete, from 0")
    if not isinstance(observation, spaces.Box):
        raise ValueError(f"module {module!r}: observations are {observation}; they must be a Box")
    compact = observation.dtype in (np.int8, np.int16)
    dtype = observation.dtype if compact else np.dtype(np.float32)
    return int(action.n), int(np.prod(observation.shape)), dtype


@cache
def source_hash(package: str) -> str:
    """Return the sha256 of the Python sources of a top-level package or module.

    It stands for a version: a new release changes it, and so does an edit of one's own
    environment, which has none. What else the environment imports, its data files and its
    compiled parts are not looked at.

    Raises:
        Unavailable: There is no such package.
    """
    spec = find_spec(package)
    if spec is None:
        raise Unavailable(f"no module named {package!r}")
    roots = [Path(root) for root in spec.submodule_search_locations or ()]
    files = [(path.relative_to(root), path) for root in roots for path in root.rglob("*.py")]
    if not roots and spec.origin is not None:
        files = [(Path(Path(spec.origin).name), Path(spec.origin))]
    digest = hashlib.sha256()
    for name, path in sorted(files):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{name.as_posix()} {content}\n".encode())
    return digest.hexdigest()


def _not_found(module: str, error: ModuleNotFoundError) -> Exception:
    """Tell a misspelled module of an installed package from a package to be installed."""
    missing, package = error.name or "", module.partition(".")[0]
    if missing != package and f"{module}.".startswith(f"{missing}."):
        parent, _, name = missing.rpartition(".")
        places = getattr(sys.modules.get(parent), "__path__", ())
        known = sorted(found.name for found in pkgutil.iter_modules(places))
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {parent}.{close[0]}?" if close else f"it has {', '.join(known)}"
        return ValueError(f"module {module!r}: there is no {name!r} in {parent}; {hint}")
    top = missing.partition(".")[0]
    if top in EXTRA:
        remedy = f"`{INSTALL_EXTRA}`"
    elif top == package:
        remedy = (
            f"`pip install {top}` may install it; a module of your own must lie in the working "
            "directory or on PYTHONPATH"
        )
    else:
        remedy = f"`pip install {top}` may install it"
    return Unavailable(f"module {module!r} needs {missing}, which is not installed: {remedy}")


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
