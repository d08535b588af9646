"""The command that looks after an installation, or after a user's own scenario or method."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.checks.base import Finding, check
from harness.checks.installation import determinism_checks, machine_checks, worker_checks
from harness.checks.registry import METHOD_LAWS, SCENARIO_LAWS
from harness.checks.subject import find_method, find_scenario
from harness.commands.request import CHECK_FAILED, OK, console, print_json
from harness.training.pool import workers

_STYLES = {"ok": "green", "failed": "bold red", "violated": "bold red"}
_FAULTS = ("failed", "violated")


def doctor(results: Path, scenario: str | None, method: str | None, *, as_json: bool) -> int:
    """Look after the installation, or hold a scenario or a method to the laws."""
    plugin = scenario is not None or method is not None
    found, out = [], console(stderr=as_json)
    for finding in _laws(scenario, method) if plugin else _installation(results):
        found.append(finding)
        _show(out, finding)
    faults = sum(finding.verdict in _FAULTS for finding in found)
    if as_json:
        print_json({"faults": faults, "findings": [asdict(finding) for finding in found]})
    else:
        out.print(f"\n{len(found)} looked at, {faults or 'no'} fault{'' if faults == 1 else 's'}")
    return CHECK_FAILED if faults else OK


def _installation(results: Path) -> Iterator[Finding]:
    yield from machine_checks(results)
    with workers(1) as team:
        started = [*worker_checks(team)]
        yield from started
        if not any(finding.verdict == "failed" for finding in started):
            yield from determinism_checks(team)


def _laws(scenario: str | None, method: str | None) -> Iterator[Finding]:
    """Hold what is named to the laws; both are found before either is looked at."""
    build = None if scenario is None else find_scenario(scenario)
    subject = None if method is None else find_method(method)
    if build is not None:
        yield from check(SCENARIO_LAWS, build)
    if subject is not None:
        yield from check(METHOD_LAWS, subject)


def _show(out: Console, finding: Finding) -> None:
    style = _STYLES.get(finding.verdict, "")
    line = Text.assemble((f"{finding.verdict:<15}", style), finding.name)
    if finding.detail:
        line.append(f": {finding.detail}")
    out.print(line, soft_wrap=True)
