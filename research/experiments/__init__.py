"""Experiment specifications: reading, checking and planning, without Airflow or a database."""

from collections.abc import Mapping
from typing import Any

from research.experiments.checks import AlgorithmLike, SocketLike
from research.experiments.plan import NodeInput, Plan, StepNode, chunks, make_plan, split_canary
from research.experiments.spec import Arm, ExperimentSpec, Source, Step, Truth, load_spec, schema
from research.experiments.wiring import COHORT_SOCKETS, check_sockets
from research.metrics.table import MetricSpec


def parse_spec(
    source: str | Mapping[str, Any], algorithms: Mapping[str, AlgorithmLike] | None = None
) -> ExperimentSpec:
    """Read a specification and check everything that can be checked.

    Args:
        source: YAML or JSON text, or the parsed mapping.
        algorithms: the catalogue by name; without it the fit of sockets is not checked.

    Raises:
        SpecError: naming the field and the remedy.
    """
    spec = load_spec(source)
    if algorithms is not None:
        check_sockets(spec, algorithms)
    return spec


__all__ = [
    "COHORT_SOCKETS",
    "AlgorithmLike",
    "Arm",
    "ExperimentSpec",
    "MetricSpec",
    "NodeInput",
    "Plan",
    "SocketLike",
    "Source",
    "Step",
    "StepNode",
    "Truth",
    "check_sockets",
    "chunks",
    "load_spec",
    "make_plan",
    "parse_spec",
    "schema",
    "split_canary",
]
