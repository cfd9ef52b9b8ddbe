"""Whole experiments, from data to report; each is imported when it is asked for by name."""

from torchcaps.studies.catalogue import STUDIES, Study

__all__ = ["STUDIES", "Study"]
