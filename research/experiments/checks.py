"""What a JSON schema cannot say: names that must exist and be unique, and metrics that need parameters."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import NoReturn, Protocol

from research.errors import SpecError
from research.experiments.spec import COHORT, ExperimentSpec
from research.metrics.table import METRICS, MetricSpec


class SocketLike(Protocol):
    """What wiring asks of a socket: ``research.sockets.Socket``, or a registered one from the database."""

    @property
    def slug(self) -> str:
        """Stable name."""

    @property
    def kind(self) -> str:
        """A Grand Challenge kind."""


class AlgorithmLike(Protocol):
    """What wiring asks of an algorithm: ``research.algorithms.Algorithm``, or a registered one."""

    @property
    def name(self) -> str:
        """Stable name."""

    @property
    def version(self) -> str:
        """What a pin may name."""

    @property
    def digest(self) -> str:
        """What a pin may name as well."""

    @property
    def inputs(self) -> Sequence[SocketLike]:
        """Sockets to be fed."""

    @property
    def outputs(self) -> Sequence[SocketLike]:
        """Sockets written."""


_PARAMETERS = ("threshold", "positive_at", "range", "tolerance_mm")


def check_names(spec: ExperimentSpec) -> None:
    """Check everything that needs no algorithm: uniqueness, order of steps, truths, metric parameters.

    Raises:
        SpecError: naming the field and the remedy.
    """
    _unique("steps", [step.name for step in spec.steps])
    _unique("metrics", [metric.name for metric in spec.metrics])
    known: list[str] = []
    for i, step in enumerate(spec.steps):
        here = f"steps[{i}]"
        if step.name == COHORT:
            refuse(f"{here}.name", f"{COHORT!r} is where cases come from", "Choose another name.")
        _unique(f"{here}.arms", [arm.name for arm in step.arms])
        for slug, source in step.inputs:
            if not source.from_cohort and source.step not in known:
                later = any(source.step == other.name for other in spec.steps)
                what = "does not run before this step" if later else "is not a step"
                refuse(
                    f"{here}.inputs.{slug}", f"{source.step!r} {what}", near(source.step, [COHORT, *known])
                )
        known.append(step.name)
    primaries = [metric.name for metric in spec.metrics if metric.primary]
    if len(primaries) != 1:
        what = f"{len(primaries)} metrics are primary" + (f" ({', '.join(primaries)})" if primaries else "")
        refuse("metrics", what, "Mark exactly one with primary: true; arms are compared on it.")
    for i, metric in enumerate(spec.metrics):
        _check_metric(spec, metric, f"metrics[{i}]")


def _check_metric(spec: ExperimentSpec, metric: MetricSpec, here: str) -> None:
    step = metric.prediction.partition(".")[0]
    names = [s.name for s in spec.steps]
    if step not in names:
        refuse(f"{here}.prediction", f"{step!r} is not a step", near(step, names))
    truths = {truth.name: truth for truth in spec.truths}
    if metric.truth not in truths:
        refuse(f"{here}.truth", f"{metric.truth!r} is not a truth", near(metric.truth, truths))
    kind = METRICS[metric.kind]
    if truths[metric.truth].inputs != kind.inputs:
        what = f"{metric.kind} compares {kind.inputs}s, and {metric.truth} is a {truths[metric.truth].inputs}"
        refuse(f"{here}.truth", what, "Choose another truth or another kind of metric.")
    for name in _PARAMETERS:
        given = getattr(metric, name) is not None
        if name in kind.needs and not given:
            refuse(f"{here}.{name}", f"{metric.kind} needs it", f"Add {name}: to the metric.")
        if given and name not in (*kind.needs, *kind.takes):
            takes = ", ".join((*kind.needs, *kind.takes)) or "none"
            refuse(
                f"{here}.{name}", f"{metric.kind} does not use it", f"Remove it; parameters here: {takes}."
            )
    if metric.range is not None and not metric.range[0] < metric.range[1]:
        refuse(f"{here}.range", f"{list(metric.range)} is empty", "Write [lowest, highest].")


def _unique(here: str, names: Sequence[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            refuse(f"{here}[{i}].name", f"{name!r} is taken", "Names must be unique; choose another.")


def near(name: str, allowed: Iterable[str]) -> str:
    """The remedy for an unknown name: the nearest known one, and all of them."""
    known = sorted(allowed)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return (f"Did you mean {close[0]!r}? " if close else "") + f"Known: {', '.join(known) or 'none'}."


def refuse(here: str, what: str, remedy: str) -> NoReturn:
    """Raise a SpecError about one field."""
    reason = f"{here}: {what}."
    raise SpecError(reason, remedy)
