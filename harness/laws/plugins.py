"""What is held to the laws: something that has a name here, or a class of the user's."""

import dataclasses
import importlib
import inspect
import tomllib
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from harness.cell import Named, Value
from harness.errors import ConfigurationError, nearest
from harness.hparams import build_config, preset_values
from harness.laws import Build
from harness.laws.subject import Subject
from harness.place import frozen, required_options
from methods import METHODS
from methods.base import Method
from scenarios import SCENARIOS


def registered_method(name: str, preset: str = "default") -> Subject:
    """Return a method of ours with a preset's hyperparameters."""
    return Subject(
        method=METHODS[name],
        values=preset_values(name, "line", preset),
        configure=partial(build_config, name, "line", preset),
    )


def find_scenario(name: str) -> Build:
    """Return the scenario that ``--scenario`` names: one of ours, or ``module:Class``.

    Raises:
        ConfigurationError: There is none of that name, importing it fails, or it needs options.
    """
    if name in SCENARIOS:
        if needed := required_options(name):
            raise ConfigurationError(
                f"--scenario {name}: it needs options ({', '.join(needed)}); name a class of yours "
                "that fills them in, as module:Class"
            )
        return SCENARIOS[name]
    build: Build = _imported("--scenario", name, SCENARIOS)
    if not callable(build):
        raise ConfigurationError(f"--scenario {name}: cannot be called to build a scenario")
    return build


def find_method(name: str) -> Subject:
    """Return the method that ``--method`` names: one of ours, or ``module:Class``.

    A class of the user's has its hyperparameters from the defaults of its ``Config`` and, over
    these, from ``[default.all]`` of the ``.toml`` beside its module, as in ``methods/hparams``.

    Raises:
        ConfigurationError: There is none of that name, importing it fails, it is no method, or it
            has no hyperparameters.
    """
    if name in METHODS:
        return registered_method(name)
    method = _imported("--method", name, METHODS)
    if not (inspect.isclass(method) and issubclass(method, Method)):
        raise ConfigurationError(f"--method {name}: does not derive from methods.base.Method")
    if inspect.isabstract(method):
        missing = ", ".join(sorted(method.__abstractmethods__))
        raise ConfigurationError(f"--method {name}: lacks {missing}")
    values = _values(name, method)
    return Subject(method=method, values=values, configure=partial(_configure, method, values))


def _imported(option: str, name: str, known: Iterable[str]) -> Any:
    module_name, colon, attribute = name.partition(":")
    if not colon:
        raise ConfigurationError(
            f"{option} {name}: neither a name here nor module:Class; {nearest(name, known)}"
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{option} {name}: {error}; is it installed, or below the working directory?"
        ) from error
    except Exception as error:  # whatever a module of the user's may raise
        raise ConfigurationError(
            f"{option} {name}: importing it raised {type(error).__name__}: {error}"
        ) from error
    if not hasattr(module, attribute):
        classes = [n for n, found in vars(module).items() if inspect.isclass(found)]
        raise ConfigurationError(
            f"{option} {name}: {module_name} has no {attribute!r}; {nearest(attribute, classes)}"
        )
    return getattr(module, attribute)


def _values(name: str, method: type[Method]) -> dict[str, Value]:
    config = getattr(method, "Config", None)
    if config is None or not dataclasses.is_dataclass(config):
        raise ConfigurationError(f"--method {name}: Config is not a dataclass of hyperparameters")
    fields = {field.name: field for field in dataclasses.fields(config)}
    values = {n: f.default for n, f in fields.items() if f.default is not dataclasses.MISSING}
    path = Path(inspect.getfile(method)).with_suffix(".toml")
    if path.exists():
        try:
            table = tomllib.loads(path.read_text()).get("default", {}).get("all", {})
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"{path}: no valid TOML: {error}") from None
        values |= {key: frozen(value) for key, value in table.items()}
    for key in values.keys() - fields.keys():
        raise ConfigurationError(
            f"{path} [default.all]: unknown key {key!r}; {nearest(key, fields)}"
        )
    if missing := sorted(fields.keys() - values.keys()):
        raise ConfigurationError(
            f"--method {name}: no value for {', '.join(missing)}; write it to [default.all] of "
            f"{path}, or give the field a default"
        )
    return values


def _configure(method: type[Method], values: Mapping[str, Value], fields: Named) -> Any:
    return method.Config(**{**values, **dict(fields)})
