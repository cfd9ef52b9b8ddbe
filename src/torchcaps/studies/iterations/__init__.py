"""Trained and tested with different numbers of routing iterations."""
