"""Trained on upright images, tested on rotated ones."""
