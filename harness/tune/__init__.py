"""Tuning: every method searched with the same budget, on seeds that are never reported.

A *study* tunes one method at one place. It consists of *trials*: settings, each trained from
several tuning seeds. Optuna lives only in this package; ``docs/tuning.md`` says what is done and
why.
"""
