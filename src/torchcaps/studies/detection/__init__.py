"""Detecting adversarial and unfamiliar images by their reconstruction."""
