"""Metrics against truth: a table of kinds, per-case scores, and estimates with intervals."""

from research.metrics.evaluate import MetricRow, Predictions, Truths, evaluate
from research.metrics.masks import Mask, dice, hausdorff_95, surface_dice, volume_ml
from research.metrics.scores import Scores, Value, score_cases
from research.metrics.table import METRICS, Metric, MetricSpec

__all__ = [
    "METRICS",
    "Mask",
    "Metric",
    "MetricRow",
    "MetricSpec",
    "Predictions",
    "Scores",
    "Truths",
    "Value",
    "dice",
    "evaluate",
    "hausdorff_95",
    "score_cases",
    "surface_dice",
    "volume_ml",
]
