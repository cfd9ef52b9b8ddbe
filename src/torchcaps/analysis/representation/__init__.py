"""What the layers of a network represent."""
