"""Checks that every scenario and every method passes, for tests and for `doctor`."""
