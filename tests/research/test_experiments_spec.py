"""A bad specification is refused, with its field and a remedy; a good one has one identity."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from research.algorithms import Algorithm, Resources, load_algorithms
from research.errors import SpecError
from research.experiments import load_spec, parse_spec, schema
from research.metrics.table import METRICS
from research.sockets import SOCKETS

SHIPPED = Path(__file__).parents[2] / "dags" / "specs" / "emphysema.yaml"


def algorithm(name: str, inputs: list[str], outputs: list[str]) -> Algorithm:
    ins, outs = (tuple(SOCKETS[slug] for slug in slugs) for slugs in (inputs, outputs))
    return Algorithm(name, name, "1.0.0", "", ins, outs, Resources(), Path("nowhere"), image="")


QUANTIFY = (["ct-image", "lung-mask"], ["emphysema-fraction", "emphysema-mask"])
ALGORITHMS = {
    a.name: a
    for a in (
        algorithm("denoise", ["ct-image"], ["denoised-ct"]),
        algorithm("lungs", ["ct-image"], ["lung-mask"]),
        algorithm("emphysema_laa", *QUANTIFY),
        algorithm("emphysema_mrf", *QUANTIFY),
        algorithm("poor", QUANTIFY[0], ["emphysema-mask"]),
    )
}


@pytest.fixture
def raw() -> dict[str, Any]:
    return copy.deepcopy(yaml.safe_load(SHIPPED.read_text(encoding="utf-8")))


def change(raw: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Set (or, with ``...``, delete) the item at a dotted path."""
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    place: Any = raw
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    elif isinstance(place, list) and last == len(place):
        place.append(value)
    else:
        place[last] = value
    return raw


def test_the_shipped_specification_fits_the_shipped_algorithms() -> None:
    spec = parse_spec(SHIPPED.read_text(encoding="utf-8"), load_algorithms())
    assert spec.primary.name == "absolute_error"
    assert [arm.name for arm in spec.step("quantify").arms] == ["laa950", "mrf"]
    assert spec.step("quantify").upstream == ("denoise", "lungs")


BAD: list[tuple[str, Any, str, str]] = [
    ("cohort", ..., "specification", "Add it"),
    ("cohrt", "x", "specification", "Allowed here"),
    ("name", "Big Name", "name", "lower-case"),
    ("seed", -1, "seed", "Seed of everything"),
    ("chunk_size", 0, "chunk_size", "Cases per"),
    ("steps/0/name", "cohort", "steps[0].name", "another name"),
    ("steps/1/name", "denoise", "steps[1].name", "unique"),
    ("steps/1/algorithm", ..., "steps[1]", "arms: for several"),
    ("steps/1/inputs/ct-image", "denois.denoised-ct", "steps[1].inputs.ct-image", "Did you mean 'denoise'"),
    ("steps/0/inputs/ct-image", "lungs.lung-mask", "steps[0].inputs.ct-image", "before this step"),
    ("steps/2/arms/1/name", "laa950", "steps[2].arms[1].name", "unique"),
    ("metrics/0/primary", False, "metrics", "exactly one"),
    ("metrics/1/primary", True, "metrics", "exactly one"),
    ("metrics/1/name", "absolute_error", "metrics[1].name", "unique"),
    ("metrics/0/kind", "mae", "metrics[0].kind", "absolute_error"),
    ("metrics/0/truth", "emphysema", "metrics[0].truth", "'emphysema_fraction'"),
    ("metrics/0/prediction", "measure.emphysema-fraction", "metrics[0].prediction", "Known: denoise"),
    ("metrics/0/range", [1, 0], "metrics[0].range", "lowest"),
    ("metrics/0/threshold", 0.5, "metrics[0].threshold", "Remove it"),
    ("metrics/2/positive_at", ..., "metrics[2].positive_at", "Add positive_at"),
    ("metrics/0/kind", "dice", "metrics[0].truth", "another truth"),
    # what only the algorithms tell
    ("steps/0/algorithm", "denoize", "steps[0].algorithm", "Did you mean 'denoise'"),
    ("steps/0/algorithm", "denoise@2.0.0", "steps[0].algorithm", "pin"),
    ("steps/1/inputs/lung-mask", "denoise.denoised-ct", "steps[1].inputs.lung-mask", "ct-image"),
    ("steps/2/inputs/lung-mask", ..., "steps[2].inputs", "Fitting: lungs.lung-mask"),
    ("steps/2/inputs/lung-mask", "denoise.denoised-ct", "steps[2].inputs.lung-mask", "of that kind"),
    ("steps/2/inputs/lung-mask", "lungs.mask", "steps[2].inputs.lung-mask", "offers: lung-mask"),
    ("steps/0/inputs/ct-image", "cohort.mr-image", "steps[0].inputs.ct-image", "The cohort offers: ct-image"),
    ("steps/2/arms/1/algorithm", "poor", "metrics[0].prediction", "in every arm"),
    ("metrics/0/prediction", "quantify.emphysema-mask", "metrics[0].prediction", "another socket"),
]


@pytest.mark.parametrize(("path", "value", "where", "remedy"), BAD)
def test_refusals(raw: dict[str, Any], path: str, value: Any, where: str, remedy: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(change(raw, path, value), ALGORITHMS)
    assert caught.value.reason.startswith(f"{where}: ")
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\nname: b\n", "stands twice"),
        ("a: &x [1]\nb: *x\n", "alias"),
        ("1: a\n", "not a text"),
        ("- a\n", "not a mapping"),
        ("a: [\n", "not readable YAML at line"),
        ("a: !!python/object/apply:os.system [ls]\n", "not readable YAML"),
        ("a: 2026-13-45\n", "not readable YAML"),
        ("a: " + "[" * 5000, "not readable YAML"),
        ("#" * 300_000, "characters"),
    ],
)
def test_text_that_is_no_specification(text: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        load_spec(text)


def test_one_identity_however_it_is_written(raw: dict[str, Any]) -> None:
    spec = load_spec(raw)
    assert load_spec(SHIPPED.read_text(encoding="utf-8")) == spec
    assert load_spec(json.dumps(raw)) == spec
    assert load_spec(spec.to_json()) == spec
    assert load_spec(spec.canonical()).sha256 == spec.sha256
    reordered = {key: raw[key] for key in reversed(raw)}
    reordered["steps"][2]["inputs"] = dict(reversed(reordered["steps"][2]["inputs"].items()))
    assert load_spec(reordered).sha256 == spec.sha256
    assert load_spec(change(raw, "seed", 1)).sha256 != spec.sha256


def test_pins_are_checked_against_version_or_digest(raw: dict[str, Any]) -> None:
    spec = parse_spec(change(raw, "steps/0/algorithm", "denoise@1.0.0"), ALGORITHMS)
    assert spec.steps[0].arms[0].algorithm_name == "denoise"
    shipped = load_algorithms()
    pinned = f"denoise@{shipped['denoise'].digest}"
    assert parse_spec(change(raw, "steps/0/algorithm", pinned), shipped).algorithms[0] == pinned


def test_the_schema_is_valid_and_knows_every_metric() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert schema()["$defs"]["metric"]["properties"]["kind"]["enum"] == list(METRICS)


def test_the_reference_is_whole_and_its_example_fits() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "experiment-spec.md").read_text(
        encoding="utf-8"
    )
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    parse_spec(example, ALGORITHMS)
    definitions = schema()["$defs"]
    for place in (schema(), definitions["step"], definitions["truth"], definitions["metric"]):
        for name in place["properties"]:
            assert f"`{name}`" in text
