"""The report on the records themselves."""

from collections.abc import Sequence

from harness.integrity.fault import Fault, Kind
from harness.report.document import Block, Heading, Paragraph, Table
from harness.report.text import prose
from harness.status import State
from harness.table import Run

_LOOKED_FOR = ", ".join(Kind)


def soundness(runs: Sequence[Run], faults: Sequence[Fault]) -> list[Block]:
    """Return the section on integrity; nothing without a record."""
    n_records = sum(run.state is State.DONE for run in runs)
    if not n_records and not faults:
        return []
    blocks: list[Block] = [
        Heading(2, "Integrity"),
        Paragraph(
            prose(
                f"{n_records} records were looked through for: {_LOOKED_FOR}. "
                f"{'Found:' if faults else 'Found: nothing.'}"
            )
        ),
    ]
    lines = [(str(fault.kind), fault.where, fault.detail) for fault in faults]
    head = ("fault", "where", "what was found")
    return [*blocks, Table(head=head, rows=tuple(lines), left=3)] if lines else blocks
