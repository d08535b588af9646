"""Statistics of runs: pure functions of arrays and generators; ``docs/statistics.md`` has why."""
