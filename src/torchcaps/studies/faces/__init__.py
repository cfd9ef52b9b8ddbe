"""Trained on whole objects, tested on scrambled ones."""
