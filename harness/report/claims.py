"""The table of the papers' claims."""

from collections.abc import Sequence

from harness.report.document import Block, Heading, Table
from harness.report.findings import Finding
from harness.report.numbers import NOTHING
from harness.stats.decision import Decision

_HEAD = ("claim", "source", "settings", "holds", "does not hold", "undecided")


def claims_table(found: Sequence[Finding]) -> list[Block]:
    """Return the table of claims; nothing where none has been examined."""
    if not found:
        return []
    metrics = {finding.claim.metric for finding in found}
    lines: list[tuple[str, ...]] = []
    before = None
    for finding in found:
        claim, columns = finding.claim, (_column(finding, decision) for decision in Decision)
        new = claim is not before  # a claim's other labels leave its words out
        words = f"{claim.words} ({claim.metric})" if len(metrics) > 1 else claim.words
        source = f"{claim.paper}, {claim.source}"
        lines.append((words if new else "", source if new else "", finding.label, *columns))
        before = claim
    return [
        Heading(3, "Claims of the papers"),
        Table(head=_HEAD, rows=tuple(lines), left=len(_HEAD)),
    ]


def _column(finding: Finding, decision: Decision) -> str:
    """Write the pairs of one decision: ``LToS better than DQN, DGN``, with figures if not so.

    What was not run stands with the undecided.
    """
    by_method: dict[str, list[str]] = {}
    for pair in finding.pairs:
        if pair.decision is decision:
            details = {
                Decision.HOLDS: "",
                Decision.FAILS: f" ({pair.advantage})",
                Decision.UNDECIDED: f" ({pair.advantage}, {pair.needed})",
            }
            by_method.setdefault(pair.method, []).append(pair.rival + details[decision])
        elif pair.decision is None and decision is Decision.UNDECIDED:
            by_method.setdefault(pair.method, []).append(f"{pair.rival} (not run)")
    relation = finding.claim.relation
    said = (f"{method} {relation} {', '.join(rivals)}" for method, rivals in by_method.items())
    return "; ".join(said) or NOTHING
