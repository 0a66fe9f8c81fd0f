"""Whether a cohort can carry an experiment: what is missing, what is rare, and how many cases a precision needs."""

from research.power.sample_size import (
    Estimate,
    auc_standard_error,
    cases_for_auc,
    cases_for_proportion,
    cases_for_sensitivity,
    cases_for_specificity,
    prediction_model_size,
    wilson_half_width,
)
from research.power.sparsity import SMALL_CELL, needs, sparsity

__all__ = [
    "SMALL_CELL",
    "Estimate",
    "auc_standard_error",
    "cases_for_auc",
    "cases_for_proportion",
    "cases_for_sensitivity",
    "cases_for_specificity",
    "needs",
    "prediction_model_size",
    "sparsity",
    "wilson_half_width",
]
