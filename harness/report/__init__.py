"""Reports: what the results of a grid say, beside the papers' own figures."""

from harness.report.build import Report, build_report
from harness.report.files import check_report, write_report

__all__ = ["Report", "build_report", "check_report", "write_report"]
