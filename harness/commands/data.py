"""What the commands ``data ...`` do."""

from collections.abc import Sequence
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn
from rich.table import Table

from harness.commands.request import CHECK_FAILED, OK, console, print_json
from harness.data import DataState, about, chosen, dataset_state, locations
from harness.data import fetch as get
from scenarios.traffic.datasets import DataFile, data_folder


def list_(*, as_json: bool) -> int:
    """List what there is."""
    facts = {name: about(dataset) for name, dataset in chosen([]).items()}
    if as_json:
        print_json({"folder": str(data_folder()), "datasets": facts})
        return OK
    out, table = console(), Table("dataset", "state", "MB", "", box=None, pad_edge=False)
    for name, fact in facts.items():
        table.add_row(name, fact["state"], f"{fact['bytes'] / 1e6:.1f}", fact["description"])
    out.print(table)
    for name, fact in facts.items():
        out.print(f"\n{name}: {fact['upstream'][0]}\nlicense: {fact['license']}", soft_wrap=True)
    out.print(f"\nfolder of datasets: {data_folder()}", soft_wrap=True)
    return OK


def path(names: Sequence[str]) -> int:
    """Print the folder, or where the files of some datasets belong."""
    places = [place for known in chosen(names).values() for place in locations(known).values()]
    for place in places if names else [data_folder()]:
        console().print(str(place), soft_wrap=True)
    return OK


def fetch(names: Sequence[str], source: Path | None) -> int:
    """Get datasets, and print the files that were written."""
    log = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=log, disable=not log.is_terminal, transient=True) as progress:
        for name in chosen(names):
            written = get(name, source, _Bars(progress).report)
            for place in written:
                console().print(str(place), soft_wrap=True)
            if not written:
                log.print(f"{name}: here already", soft_wrap=True)
    return OK


def verify(names: Sequence[str], *, as_json: bool) -> int:
    """Say what is here, missing and damaged."""
    states = {name: dataset_state(dataset) for name, dataset in chosen(names).items()}
    if as_json:
        print_json(states)
    for name, found in states.items() if not as_json else ():
        remedy = f": python -m harness data fetch {name}" if found is not DataState.HERE else ""
        console().print(f"{name} {found}{remedy}", soft_wrap=True)
    good = {DataState.HERE} if names else {DataState.HERE, DataState.MISSING}
    return OK if set(states.values()) <= good else CHECK_FAILED


class _Bars:
    """A progress bar for each file that comes."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def report(self, file: DataFile, size: int) -> None:
        """Show how many bytes of a file have come."""
        if file.path not in self._tasks:
            self._tasks[file.path] = self._progress.add_task(file.path, total=file.size)
        self._progress.update(self._tasks[file.path], completed=size)
