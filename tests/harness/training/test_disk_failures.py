import pytest

from support.disk_failures import ERRORS, anew, fail_each, in_the_way, stopped


@pytest.mark.slow
@pytest.mark.parametrize(
    ("begin", "lasting"), [(anew, False), (in_the_way, False), (stopped, False), (stopped, True)]
)
def test_whichever_file_operation_fails_nothing_is_lost(tmp_path, begin, lasting):
    tally = fail_each(tmp_path, begin, lambda n: [(ERRORS[n % len(ERRORS)], lasting)])

    assert not tally.wrong
    assert {"open", "write", "fsync", "replace", "unlink", "mkdir"} <= tally.operations.keys()
    assert tally.n_failed == tally.operations.total() > 40
