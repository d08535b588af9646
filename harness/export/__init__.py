"""Results for other programs: tables and trackers."""
