"""Checks of the options that models are built with: those of the ground floor."""

from torchcaps.options import check_choice, check_several, check_sizes

__all__ = ["check_choice", "check_several", "check_sizes"]
