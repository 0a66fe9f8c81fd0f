"""An experiment specification: cohort, chained steps, arms, truth, metrics; checked before anything runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from research.experiments.reading import read_mapping
from research.metrics.table import METRICS, MetricSpec

COHORT = "cohort"
"""The source name of inputs that come from the case itself."""


@dataclass(frozen=True)
class Source:
    """Where an input comes from: a socket of an earlier step, or of the cohort."""

    step: str
    slug: str

    @property
    def from_cohort(self) -> bool:
        """Whether the case itself gives it."""
        return self.step == COHORT

    def __str__(self) -> str:
        return f"{self.step}.{self.slug}"


@dataclass(frozen=True)
class Arm:
    """One of several algorithms for a step; the name is empty where the step has only one way."""

    name: str
    algorithm: str

    @property
    def algorithm_name(self) -> str:
        """The algorithm without its pin."""
        return self.algorithm.partition("@")[0]

    @property
    def pin(self) -> str:
        """The version or digest after ``@``; empty where any is meant."""
        return self.algorithm.partition("@")[2]


@dataclass(frozen=True)
class Step:
    """One step: an algorithm (or one per arm) and what its input sockets are fed from."""

    name: str
    title: str
    arms: tuple[Arm, ...]
    inputs: tuple[tuple[str, Source], ...]

    @property
    def has_arms(self) -> bool:
        """Whether this step is where arms part."""
        return self.arms[0].name != ""

    @property
    def upstream(self) -> tuple[str, ...]:
        """Names of the steps it reads from, each once, in the order of its inputs."""
        return tuple(dict.fromkeys(s.step for _, s in self.inputs if not s.from_cohort))


@dataclass(frozen=True)
class Truth:
    """What predictions are compared with.

    Attributes:
        name: what metrics call it.
        source: ``catalog``: one value per series, recorded with its origin.
        key: its name there.
        inputs: number or mask.
        unit: unit of the values.
        title: for people.
    """

    name: str
    source: Literal["catalog"]
    key: str
    inputs: Literal["number", "mask"]
    unit: str
    title: str


@dataclass(frozen=True)
class ExperimentSpec:
    """A checked specification; ``sha256`` identifies it."""

    name: str
    title: str
    description: str
    cohort: str
    steps: tuple[Step, ...]
    truths: tuple[Truth, ...]
    metrics: tuple[MetricSpec, ...]
    seed: int
    chunk_size: int

    @property
    def primary(self) -> MetricSpec:
        """The metric that arms are compared and ranked on."""
        return next(metric for metric in self.metrics if metric.primary)

    @property
    def sha256(self) -> str:
        """SHA-256 of ``canonical``."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Every algorithm named, pins included, each once, in order."""
        return tuple(dict.fromkeys(arm.algorithm for step in self.steps for arm in step.arms))

    def step(self, name: str) -> Step:
        """The step of that name (KeyError where there is none)."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    def canonical(self) -> str:
        """One text per meaning: defaults filled, keys sorted, no spaces, ASCII."""
        return json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data with every default written out; ``load_spec`` of it is this specification."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "cohort": self.cohort,
            "steps": [_step_json(step) for step in self.steps],
            "truth": {
                t.name: {
                    "source": t.source,
                    "key": t.key,
                    "inputs": t.inputs,
                    "unit": t.unit,
                    "title": t.title,
                }
                for t in self.truths
            },
            "metrics": [_metric_json(metric) for metric in self.metrics],
            "seed": self.seed,
            "chunk_size": self.chunk_size,
        }


def load_spec(source: str | Mapping[str, Any]) -> ExperimentSpec:
    """Read and check a specification as far as that is possible without knowing the algorithms.

    Args:
        source: YAML or JSON text, or the parsed mapping.

    Raises:
        SpecError: naming the field and the remedy.
    """
    from research.experiments.checks import check_names  # checks needs the classes above

    raw = read_mapping(source, schema())
    truths = tuple(_truth(name, body) for name, body in raw["truth"].items())
    units = {truth.name: truth.unit for truth in truths}
    spec = ExperimentSpec(
        name=raw["name"],
        title=raw.get("title", raw["name"]),
        description=raw.get("description", ""),
        cohort=raw["cohort"],
        steps=tuple(_step(body) for body in raw["steps"]),
        truths=truths,
        metrics=tuple(_metric(body, units) for body in raw["metrics"]),
        seed=int(raw.get("seed", 0)),
        chunk_size=int(raw.get("chunk_size", 8)),
    )
    check_names(spec)
    return spec


@cache
def schema() -> Mapping[str, Any]:
    """The JSON schema of a specification (``spec.schema.json``)."""
    text = files("research.experiments").joinpath("spec.schema.json").read_text(encoding="utf-8")
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def _step(body: Mapping[str, Any]) -> Step:
    arms = body.get("arms") or [{"name": "", "algorithm": body["algorithm"]}]
    inputs = []
    for slug, text in body["inputs"].items():
        step, _, source = text.partition(".")
        inputs.append((slug, Source(step, source)))
    return Step(
        body["name"],
        body.get("title", body["name"]),
        tuple(Arm(arm["name"], arm["algorithm"]) for arm in arms),
        tuple(sorted(inputs, key=lambda item: item[0])),
    )


def _truth(name: str, body: Mapping[str, Any]) -> Truth:
    return Truth(
        name,
        body.get("source", "catalog"),
        body.get("key", name),
        body.get("inputs", "number"),
        body.get("unit", ""),
        body.get("title", name),
    )


_PARAMETERS = ("threshold", "positive_at", "tolerance_mm")


def _metric(body: Mapping[str, Any], units: Mapping[str, str]) -> MetricSpec:
    unit = METRICS[body["kind"]].unit
    low_high = body.get("range")
    return MetricSpec(
        name=body["name"],
        kind=body["kind"],
        prediction=body["prediction"],
        truth=body["truth"],
        primary=body.get("primary", False),
        unit=units.get(body["truth"], "") if unit == "truth" else unit,
        range=None if low_high is None else (float(low_high[0]), float(low_high[1])),
        **{name: float(body[name]) for name in _PARAMETERS if name in body},
    )


def _step_json(step: Step) -> dict[str, Any]:
    body: dict[str, Any] = {"name": step.name, "title": step.title}
    if step.has_arms:
        body["arms"] = [{"name": arm.name, "algorithm": arm.algorithm} for arm in step.arms]
    else:
        body["algorithm"] = step.arms[0].algorithm
    return body | {"inputs": {slug: str(source) for slug, source in step.inputs}}


def _metric_json(metric: MetricSpec) -> dict[str, Any]:
    body: dict[str, Any] = {
        name: getattr(metric, name) for name in ("name", "kind", "prediction", "truth", "primary")
    }
    body |= {name: value for name in _PARAMETERS if (value := getattr(metric, name)) is not None}
    return body | ({"range": list(metric.range)} if metric.range else {})
