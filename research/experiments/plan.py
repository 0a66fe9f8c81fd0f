"""From a specification to what is to run: arms, one node per step and distinct way there, chunks, canary.

An *arm* is one choice per step that has arms. A step runs once per distinct combination of the choices that
can influence it (its own and those of the steps it reads from), so what arms share runs once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from research.experiments.spec import Arm, ExperimentSpec, Source

SEPARATOR = "-"
"""Joins the choices in an arm's key; names may not hold it, so keys are unambiguous (and fit task ids)."""


@dataclass(frozen=True)
class NodeInput:
    """What one input socket is fed from: a node's output, or the case itself where ``node`` is empty."""

    socket: str
    node: str
    source: Source


@dataclass(frozen=True)
class StepNode:
    """One step with one algorithm, to be run over every case once.

    Attributes:
        id: unique, fits task ids and folder names: ``lungs`` or ``quantify-mrf``.
        step: the step's name.
        key: the choices that lead here, joined; empty where every arm shares it.
        algorithm: name, with its pin if it has one.
        arms: keys of the arms that use its output.
        upstream: ids of the nodes it reads from.
        inputs: one per input socket.
    """

    id: str
    step: str
    key: str
    algorithm: str
    arms: tuple[str, ...]
    upstream: tuple[str, ...]
    inputs: tuple[NodeInput, ...]


@dataclass(frozen=True)
class Plan:
    """Arms and nodes; nodes come in an order in which they can run."""

    arms: tuple[str, ...]
    nodes: tuple[StepNode, ...]

    def node(self, step: str, arm: str) -> StepNode:
        """The node of a step that an arm uses.

        Raises:
            KeyError: no such step or arm.
        """
        for node in self.nodes:
            if node.step == step and arm in node.arms:
                return node
        raise KeyError((step, arm))


def make_plan(spec: ExperimentSpec) -> Plan:
    """Expand arms and share what can be shared."""
    armed = [step for step in spec.steps if step.has_arms]
    choices = [
        dict(zip([s.name for s in armed], combo, strict=True)) for combo in product(*(s.arms for s in armed))
    ]
    arm_keys = [SEPARATOR.join(arm.name for arm in choice.values()) for choice in choices]

    nodes: dict[str, StepNode] = {}
    influences: dict[str, tuple[str, ...]] = {}
    for step in spec.steps:
        before = {name for upstream in step.upstream for name in influences[upstream]}
        own = {step.name} if step.has_arms else set()
        influences[step.name] = tuple(s.name for s in armed if s.name in before | own)
        for choice in choices:
            node_id = _node_id(step.name, influences, choice)
            if node_id in nodes:
                continue
            users = [
                key
                for other, key in zip(choices, arm_keys, strict=True)
                if _node_id(step.name, influences, other) == node_id
            ]
            inputs = tuple(
                NodeInput(slug, "" if s.from_cohort else _node_id(s.step, influences, choice), s)
                for slug, s in step.inputs
            )
            algorithm = choice[step.name].algorithm if step.has_arms else step.arms[0].algorithm
            nodes[node_id] = StepNode(
                id=node_id,
                step=step.name,
                key=_key(influences[step.name], choice),
                algorithm=algorithm,
                arms=tuple(users),
                upstream=tuple(dict.fromkeys(i.node for i in inputs if i.node)),
                inputs=inputs,
            )
    return Plan(tuple(arm_keys), tuple(nodes.values()))


def chunks(cases: Sequence[str], size: int) -> tuple[tuple[str, ...], ...]:
    """Split cases into runs of at most ``size``, in their order.

    Raises:
        ValueError: ``size`` below 1.
    """
    if size < 1:
        msg = f"chunk size {size} is below 1"
        raise ValueError(msg)
    return tuple(tuple(cases[i : i + size]) for i in range(0, len(cases), size))


def split_canary(cases: Sequence[str], size: int) -> tuple[str, tuple[tuple[str, ...], ...]]:
    """The canary (the first case, run alone through every step before the rest) and the chunks of the rest.

    Raises:
        ValueError: no cases, or ``size`` below 1.
    """
    if not cases:
        msg = "there are no cases"
        raise ValueError(msg)
    return cases[0], chunks(cases[1:], size)


def _key(steps: Sequence[str], choice: Mapping[str, Arm]) -> str:
    return SEPARATOR.join(choice[name].name for name in steps)


def _node_id(step: str, influences: Mapping[str, Sequence[str]], choice: Mapping[str, Arm]) -> str:
    key = _key(influences[step], choice)
    return f"{step}{SEPARATOR}{key}" if key else step
