"""What moved, attacked and unfamiliar images do to a model."""
