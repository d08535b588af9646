"""Learning rules and what they keep: what a method learns by."""
