"""What each command does; every one returns its exit code."""
