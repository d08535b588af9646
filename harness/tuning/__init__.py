"""Tuning: every method searched with the same budget, on seeds that are never reported."""
