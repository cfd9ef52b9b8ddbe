"""Whole experiments, from data to report. Importing this package registers them."""

from torchcaps.studies import detection, equivariance, faces, iterations, rotation
from torchcaps.studies.catalogue import STUDIES, Study, list_studies

__all__ = [
    "STUDIES",
    "Study",
    "detection",
    "equivariance",
    "faces",
    "iterations",
    "list_studies",
    "rotation",
]
