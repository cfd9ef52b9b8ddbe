"""What the numbers of a pose mean."""
