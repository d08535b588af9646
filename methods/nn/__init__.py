"""Networks and policies: what a method is wired from."""
