"""Whether the steps of a specification fit together: every edge carries data of the right kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from research.algorithms import misfit
from research.experiments.checks import AlgorithmLike, SocketLike, near, refuse
from research.experiments.spec import COHORT, Arm, ExperimentSpec, Source, Step
from research.sockets import SOCKETS, Socket

COHORT_SOCKETS: tuple[Socket, ...] = (SOCKETS["ct-image"],)
"""What a case of a cohort offers: its series as one volume."""

_KINDS = {"number": ("Float", "Integer"), "mask": ("Segmentation",)}

_Offers = dict[str, dict[str, SocketLike]]


def check_sockets(
    spec: ExperimentSpec,
    algorithms: Mapping[str, AlgorithmLike],
    cohort_sockets: Sequence[SocketLike] = COHORT_SOCKETS,
) -> None:
    """Check that algorithms exist, that each input is fed once, and that every edge fits.

    Args:
        spec: a specification from ``load_spec``.
        algorithms: the catalogue, by name.
        cohort_sockets: what a case offers.

    Raises:
        SpecError: naming the field and the remedy.
    """
    offered: _Offers = {COHORT: {socket.slug: socket for socket in cohort_sockets}}
    for i, step in enumerate(spec.steps):
        outputs: list[dict[str, SocketLike]] = []
        for j, arm in enumerate(step.arms):
            here = f"steps[{i}].arms[{j}].algorithm" if step.has_arms else f"steps[{i}].algorithm"
            algorithm = _algorithm(arm, algorithms, here)
            _check_inputs(step, algorithm, offered, f"steps[{i}].inputs")
            outputs.append({socket.slug: socket for socket in algorithm.outputs})
        # Later steps may only read what every arm writes, in the same kind.
        offered[step.name] = {
            slug: socket
            for slug, socket in outputs[0].items()
            if all(slug in other and other[slug].kind == socket.kind for other in outputs)
        }
    for i, metric in enumerate(spec.metrics):
        here = f"metrics[{i}].prediction"
        step_name, _, slug = metric.prediction.partition(".")
        kind = _offer(Source(step_name, slug), offered, here).kind
        wanted = _KINDS[metric.metric.inputs]
        if kind not in wanted:
            what = f"{metric.prediction} is of kind {kind}, and {metric.kind} needs {' or '.join(wanted)}"
            refuse(here, what, "Choose another socket or another kind of metric.")


def _algorithm(arm: Arm, algorithms: Mapping[str, AlgorithmLike], here: str) -> AlgorithmLike:
    algorithm = algorithms.get(arm.algorithm_name)
    if algorithm is None:
        refuse(here, f"there is no algorithm {arm.algorithm_name!r}", near(arm.algorithm_name, algorithms))
    if arm.pin and arm.pin not in (algorithm.version, algorithm.digest):
        what = f"{arm.algorithm_name} is pinned to {arm.pin}, and here it is {algorithm.version}"
        refuse(here, f"{what} ({algorithm.digest})", "Install the pinned version, or change the pin.")
    return algorithm


def _check_inputs(step: Step, algorithm: AlgorithmLike, offered: _Offers, here: str) -> None:
    fed = dict(step.inputs)
    wanted = {socket.slug: socket for socket in algorithm.inputs}
    for slug in fed:
        if slug not in wanted:
            refuse(f"{here}.{slug}", f"{algorithm.name} has no such input", near(slug, wanted))
    for slug, target in wanted.items():
        if slug not in fed:
            fitting = [
                f"{step_name}.{source.slug}"
                for step_name, sockets in offered.items()
                for source in sockets.values()
                if not _misfit(source, target)
            ]
            hint = f" Fitting: {', '.join(fitting)}." if fitting else ""
            refuse(here, f"the input {slug} of {algorithm.name} is not fed", f"Add {slug}: <source>.{hint}")
        if why := _misfit(_offer(fed[slug], offered, f"{here}.{slug}"), target):
            refuse(f"{here}.{slug}", why.rstrip("."), "Feed it from a socket of that kind.")


def _misfit(source: SocketLike, target: SocketLike) -> str | None:
    return misfit(cast(Socket, source), cast(Socket, target))  # looks at slug and kind only


def _offer(source: Source, offered: _Offers, here: str) -> SocketLike:
    sockets = offered[source.step]
    if source.slug not in sockets:
        who = "The cohort" if source.from_cohort else f"Step {source.step} (in every arm)"
        refuse(here, f"there is no {source}", f"{who} offers: {', '.join(sockets) or 'nothing'}.")
    return sockets[source.slug]
