import random

import pytest
import torch

from harness.results.checkpoint import (
    DamagedCheckpoint,
    Stream,
    Tail,
    load_checkpoint,
    save_checkpoint,
)

STATE = {"weights": torch.arange(500.0), "n": 3, "name": "x", "list": [1, {"a": torch.ones(2)}]}


class Malice:
    def __reduce__(self):
        return (print, ("executed",))


def test_a_checkpoint_reads_back_as_it_was_written(tmp_path):
    save_checkpoint(tmp_path / "c.pt", STATE)

    state = load_checkpoint(tmp_path / "c.pt")

    assert torch.equal(state["weights"], STATE["weights"])
    assert (state["n"], state["name"], state["list"][0]) == (3, "x", 1)


@pytest.mark.parametrize("keep", [0, 10, 31, 32, 33, 1000, -1])
def test_a_truncated_checkpoint_is_damaged(tmp_path, keep):
    path = tmp_path / "c.pt"
    save_checkpoint(path, STATE)
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(DamagedCheckpoint, match=r"c\.pt"):
        load_checkpoint(path)


def test_any_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "c.pt"
    save_checkpoint(path, STATE)
    whole = path.read_bytes()

    for place in random.Random(0).sample(range(len(whole)), 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        with pytest.raises(DamagedCheckpoint):
            load_checkpoint(path)


def test_nothing_in_a_checkpoint_is_executed(tmp_path, capsys):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"a": Malice()})

    with pytest.raises(DamagedCheckpoint, match="not a checkpoint"):
        load_checkpoint(path)

    assert "executed" not in capsys.readouterr().out


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "c.pt"
    save_checkpoint(path, {"n": 1})

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, {"n": 2})

    assert load_checkpoint(path) == {"n": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_stream_goes_on_from_its_mark_and_forgets_what_came_after(tmp_path):
    stream = Stream(tmp_path / "s.jsonl")
    stream.append({"evaluation": 1})
    mark = stream.mark
    stream.append({"evaluation": 2})

    again = Stream(tmp_path / "s.jsonl", mark)
    again.append({"evaluation": "two"})

    assert again.rows == [{"evaluation": 1}, {"evaluation": "two"}]
    assert Stream(tmp_path / "s.jsonl", again.mark).rows == again.rows


def test_a_half_written_line_after_the_mark_does_no_harm(tmp_path):
    stream = Stream(tmp_path / "s.jsonl")
    stream.append({"evaluation": 1})
    with (tmp_path / "s.jsonl").open("a") as file:
        file.write('{"evaluat')

    assert Stream(tmp_path / "s.jsonl", stream.mark).rows == [{"evaluation": 1}]


def test_a_stream_without_a_mark_starts_anew(tmp_path):
    Stream(tmp_path / "s.jsonl").append({"evaluation": 1})

    assert Stream(tmp_path / "s.jsonl").rows == []
    assert (tmp_path / "s.jsonl").read_text() == ""


@pytest.mark.parametrize("content", ["", '{"evaluation": 7}\n', '{"evaluation": 1'])
def test_a_stream_that_is_not_its_checkpoints_is_damaged(tmp_path, content):
    stream = Stream(tmp_path / "s.jsonl")
    stream.append({"evaluation": 1})
    (tmp_path / "s.jsonl").write_text(content)

    with pytest.raises(DamagedCheckpoint, match="not the stream"):
        Stream(tmp_path / "s.jsonl", stream.mark)


def test_a_stream_refuses_figures_that_are_not_finite(tmp_path):
    with pytest.raises(ValueError, match="JSON compliant"):
        Stream(tmp_path / "s.jsonl").append({"loss": float("inf")})


def test_a_tail_sees_whole_rows_only_and_follows_a_cut(tmp_path):
    path = tmp_path / "s.jsonl"
    tail = Tail(path)
    assert not tail.look()

    path.write_text('{"evaluation": 1}\n{"evaluation": 2}\n{"eval')
    assert tail.look()
    assert tail.row == {"evaluation": 2}
    assert not tail.look()

    path.write_text('{"evaluation": 1}\n')
    assert tail.look()
    assert tail.row == {"evaluation": 1}
