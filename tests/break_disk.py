"""Has each file operation of a cell's run fail in every way: ``python tests/break_disk.py``.

Exits with 0 if all ended in one message and the next run had the result of an uninterrupted one.
"""

import sys
import tempfile
from pathlib import Path

from support.disk_failures import WAYS, anew, fail_each, in_the_way, stopped


def main() -> int:
    wrong = []
    for begin in (anew, stopped, in_the_way):
        with tempfile.TemporaryDirectory() as folder:
            tally = fail_each(Path(folder), begin, lambda n: WAYS)
        kinds = ", ".join(f"{n} {kind}" for kind, n in tally.operations.most_common())
        print(f"{begin.__name__}: {tally.operations.total()} operations ({kinds})")
        print(f"  {tally.n_failed} failures, {len(tally.wrong)} wrong", *tally.wrong, sep="\n  ")
        wrong += tally.wrong
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
