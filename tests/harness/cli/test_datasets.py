"""Datasets: fetched whole and checked, or not at all."""

import functools
import hashlib
import io
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.cli.datasets import DataError, DataState, dataset_state
from harness.cli.datasets import get as fetch
from harness.config.grid import load_grid
from scenarios.traffic import datasets as registry
from scenarios.traffic.datasets import DataFile, Dataset, data_folder

CONTENT = {"roadnet.json": b"roads" * 40_000, "flow.json": b"vehicles"}
DEAD = "http://127.0.0.1:9/"  # nobody listens there


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def published(tmp_path) -> Path:
    """A folder with a dataset as its owners publish it."""
    folder = tmp_path / "published"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture
def upstream(published):
    """The address of a server of that folder on this machine."""
    handler = functools.partial(Quiet, directory=str(published))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """The folder of datasets: not there yet."""
    folder = tmp_path / "data"
    monkeypatch.setenv("HARNESS_DATA", str(folder))
    return folder


@pytest.fixture
def know(monkeypatch, place):
    """Make a dataset named ``town`` the only one that is known."""

    def know(*upstream: str) -> Dataset:
        roadnet, flow = (
            DataFile(
                path=f"town/{name}",
                address=name,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            )
            for name, content in CONTENT.items()
        )
        town = Dataset(
            description="a town", license="free", upstream=upstream, roadnet=roadnet, flow=flow
        )
        monkeypatch.setattr(registry, "datasets", lambda: {"town": town})
        return town

    return know


def nothing(file: DataFile, size: int) -> None:
    pass


def left(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.is_file()]


def test_a_dataset_is_fetched_whole_and_only_once(know, upstream, place):
    town, seen = know(upstream), dict[str, int]()

    written = fetch("town", None, lambda file, size: seen.update({file.path: size}))

    assert [path.read_bytes() for path in written] == list(CONTENT.values())
    assert sorted(left(place)) == sorted(written)
    assert seen == {f"town/{name}": len(content) for name, content in CONTENT.items()}
    assert dataset_state(town) is DataState.HERE
    assert fetch("town", None, nothing) == []


def test_addresses_are_tried_in_turn(know, upstream, place):
    know(DEAD, f"{upstream}gone/", upstream)

    assert len(fetch("town", None, nothing)) == 2


def test_without_a_network_the_message_says_what_was_tried_and_what_can_be_done(know, place):
    know(DEAD)

    with pytest.raises(DataError, match=r"town: cannot get roadnet\.json .*--from DIR") as refused:
        fetch("town", None, nothing)

    assert DEAD in str(refused.value)
    assert "refused" in str(refused.value)
    assert left(place) == []


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (CONTENT["roadnet.json"].replace(b"roads", b"reeds"), "SHA-256 .*, published was "),
        (CONTENT["roadnet.json"][:-1], "ended after 199999 of 200000 bytes"),
        (CONTENT["roadnet.json"] + b"!", "longer than the 200000 bytes"),
        (b"", "ended after 0 of"),
        (None, "Not Found|not found"),
    ],
)
@pytest.mark.parametrize("local", [False, True])
def test_what_is_not_the_published_file_is_not_kept(
    know, upstream, published, place, content, says, local
):
    know(upstream)
    file = published / "roadnet.json"
    file.unlink() if content is None else file.write_bytes(content)
    says = says if content is not None or not local else "No such file"

    with pytest.raises(DataError, match=rf"roadnet\.json .*({says})"):
        fetch("town", published if local else None, nothing)

    assert left(place) == []


def test_a_failed_fetch_leaves_what_was_there(know, upstream, published, place):
    town = know(upstream)
    fetch("town", None, nothing)
    broken = place / "town" / "flow.json"
    broken.write_bytes(b"other")
    (published / "flow.json").unlink()

    with pytest.raises(DataError):
        fetch("town", None, nothing)

    assert broken.read_bytes() == b"other"
    assert dataset_state(town) is DataState.DAMAGED


def test_a_connection_that_breaks_leaves_nothing(know, published, place, monkeypatch):
    class Broken(io.BufferedIOBase):
        def read(self, n=-1):
            raise ConnectionResetError(104, "Connection reset by peer")

    know("http://example.invalid/")
    monkeypatch.setattr("urllib.request.urlopen", lambda address, timeout: Broken())

    with pytest.raises(DataError, match="reset by peer"):
        fetch("town", None, nothing)

    assert left(place) == []


def test_a_local_copy_may_lie_as_here_or_as_published(know, published, place, tmp_path):
    town = know(DEAD)
    fetch("town", published, nothing)
    assert dataset_state(town) is DataState.HERE

    other = place.rename(tmp_path / "other machine")
    assert dataset_state(town) is DataState.MISSING
    fetch("town", other, nothing)
    assert dataset_state(town) is DataState.HERE


def test_a_folder_that_cannot_be_written_is_named_with_its_variable(know, published, place):
    know(DEAD)
    place.write_text("a file is in the way")

    with pytest.raises(DataError, match=r"data/town/.* cannot be written .*HARNESS_DATA"):
        fetch("town", published, nothing)


def test_without_a_variable_the_place_is_in_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("HARNESS_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "ltos-bench" / "data"

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder() == tmp_path / ".cache" / "ltos-bench" / "data"


def call(capsys, *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["data", *arguments])
    out, log = capsys.readouterr()
    return ended.value.code, out, log


def test_the_commands_list_fetch_verify_and_path(know, published, place, capsys):
    town = know(DEAD)

    code, out, _ = call(capsys, "list", "--json")
    (fact,) = json.loads(out)["datasets"].values()
    assert (code, fact["state"], fact["license"]) == (0, "missing", "free")
    assert fact["sha256"]["town/flow.json"] == town.flow.sha256

    code, out, _ = call(capsys, "path")
    assert (code, out) == (0, f"{place}\n")
    code, out, _ = call(capsys, "path", "town")
    assert out.split() == [str(place / "town" / name) for name in CONTENT]

    code, out, log = call(capsys, "fetch", "town", "--from", str(published))
    assert code == 0, log
    assert out.split() == [str(place / "town" / name) for name in CONTENT]
    code, out, log = call(capsys, "fetch")
    assert (code, out) == (0, "")
    assert "here already" in log

    code, out, _ = call(capsys, "list")
    assert code == 0
    assert all(said in out for said in ("town", "here", "free", DEAD, str(place)))


def test_verify_fails_for_damage_and_for_what_was_named_and_is_missing(
    know, published, place, capsys
):
    know(DEAD)
    assert call(capsys, "verify")[0] == 0
    code, out, _ = call(capsys, "verify", "town")
    assert code == 3
    assert "town missing: python -m harness data fetch town" in out

    fetch("town", published, nothing)
    assert call(capsys, "verify", "town")[:2] == (0, "town here\n")

    (place / "town" / "flow.json").write_bytes(b"other")
    code, out, _ = call(capsys, "verify", "--json")
    assert (code, json.loads(out)) == (3, {"town": "damaged"})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fetch", "twon"], "did you mean 'town'?"),
        (["path", "twon"], "did you mean 'town'?"),
        (["verify", "twon"], "did you mean 'town'?"),
        (["fetch", "town"], "cannot get roadnet.json"),
        (["fetch", "town", "--from", "/no/such/folder"], "--from"),
        (["fecth"], "fecth"),
    ],
)
def test_wrong_use_ends_in_a_message_and_exit_code_2(know, place, capsys, arguments, says):
    know(DEAD)

    code, out, log = call(capsys, *arguments)

    assert (code, out) == (2, "")
    assert says in log
    assert "Traceback" not in log


@pytest.mark.parametrize("damaged", [False, True])
def test_a_sweep_without_its_dataset_is_unavailable_with_the_command(tmp_path, place, damaged):
    if damaged:
        for file in (registry.datasets()["shenzhen"].roadnet, registry.datasets()["shenzhen"].flow):
            (place / file.path).parent.mkdir(parents=True, exist_ok=True)
            (place / file.path).write_text("{}")
    path = tmp_path / "mine.toml"
    path.write_text(
        'description = "a test"\n[[sweep]]\nscenario = "traffic"\nmethods = ["dqn"]\nseeds = [0]\n'
        'options.network = "shenzhen"\n'
    )

    grid = load_grid(path)

    (cell,) = grid.cells
    reason = cell.unavailable
    assert "python -m harness data fetch shenzhen" in reason
    assert ("another SHA-256" in reason) == damaged
    assert cell.lacking
    assert cell.task == "traffic,network=shenzhen"


def test_the_registry_is_complete_and_right():
    shared = Path(__file__).parents[4] / "shared" / "data" / "traffic"
    for dataset in registry.datasets().values():
        assert all(address.endswith("/") for address in dataset.upstream)
        for file in (dataset.roadnet, dataset.flow):
            assert len(bytes.fromhex(file.sha256)) == 32
            if shared.is_dir():
                assert (shared / file.path).stat().st_size == file.size
                assert registry.sha256(shared / file.path) == file.sha256
