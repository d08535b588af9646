"""What tests share: toy scenarios, slow twins of the learners, strategies, recorded results."""
