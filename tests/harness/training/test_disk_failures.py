import pytest

from support.disk_failures import WAYS, anew, fail_each, in_the_way, stopped


@pytest.mark.slow
@pytest.mark.parametrize("begin", [anew, stopped, in_the_way])
def test_whichever_file_operation_fails_nothing_is_lost(tmp_path, begin):
    tally = fail_each(tmp_path, begin, lambda n: [WAYS[n % len(WAYS)]])

    assert not tally.wrong
    assert {"open", "write", "fsync", "replace", "unlink", "mkdir"} <= tally.operations.keys()
    assert tally.n_failed == tally.operations.total() > 40
