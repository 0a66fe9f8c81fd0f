"""Arms are all combinations, and nothing that arms share runs twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.experiments import chunks, load_spec, make_plan, split_canary


def spec(steps: list[dict[str, Any]]) -> Any:
    return load_spec(
        {
            "name": "x",
            "cohort": "c",
            "steps": steps,
            "truth": {"t": {}},
            "metrics": [
                {
                    "name": "m",
                    "kind": "bias",
                    "prediction": f"{steps[-1]['name']}.out",
                    "truth": "t",
                    "primary": True,
                }
            ],
        }
    )


def step(name: str, sources: list[str], arms: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = {"name": name, "inputs": {f"in-{i}": f"{s}.out" for i, s in enumerate(sources)}}
    if arms:
        return body | {"arms": [{"name": f"{name}{i}", "algorithm": f"a{i}"} for i in range(arms)]}
    return body | {"algorithm": "a"}


def test_shared_steps_have_an_empty_key_and_run_once() -> None:
    plan = make_plan(spec([step("a", ["cohort"]), step("b", ["a"]), step("c", ["a", "b"], arms=2)]))
    assert plan.arms == ("c0", "c1")
    assert [(n.id, n.key, n.algorithm, n.arms, n.upstream) for n in plan.nodes] == [
        ("a", "", "a", ("c0", "c1"), ()),
        ("b", "", "a", ("c0", "c1"), ("a",)),
        ("c-c0", "c0", "a0", ("c0",), ("a", "b")),
        ("c-c1", "c1", "a1", ("c1",), ("a", "b")),
    ]
    assert plan.node("c", "c1").inputs[0].node == "a"
    assert plan.node("a", "c1").inputs[0].node == ""


def test_no_arms_is_one_arm_with_an_empty_key() -> None:
    plan = make_plan(spec([step("a", ["cohort"])]))
    assert plan.arms == ("",)
    assert plan.node("a", "").id == "a"


def test_arms_early_and_late_combine_and_untouched_branches_stay_shared() -> None:
    plan = make_plan(
        spec(
            [
                step("noise", ["cohort"], arms=2),
                step("lungs", ["noise"]),
                step("body", ["cohort"]),
                step("quant", ["lungs", "body"], arms=3),
            ]
        )
    )
    assert len(plan.arms) == 6
    assert plan.arms[0] == "noise0-quant0"
    by_step = {
        name: [n for n in plan.nodes if n.step == name] for name in ("noise", "lungs", "body", "quant")
    }
    assert {name: len(nodes) for name, nodes in by_step.items()} == {
        "noise": 2,
        "lungs": 2,
        "body": 1,
        "quant": 6,
    }
    assert by_step["lungs"][0].id == "lungs-noise0"
    assert by_step["lungs"][0].arms == ("noise0-quant0", "noise0-quant1", "noise0-quant2")
    assert plan.node("quant", "noise1-quant2").upstream == ("lungs-noise1", "body")


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10**6)), min_size=1, max_size=5))
def test_every_arm_finds_one_node_per_step_and_order_allows_running(shape: list[tuple[int, int]]) -> None:
    steps = []
    for i, (arms, pick) in enumerate(shape):
        sources = ["cohort", *(f"s{j}" for j in range(i) if pick >> j & 1)]
        steps.append(step(f"s{i}", sources, arms=arms and arms + 1))
    plan = make_plan(spec(steps))
    ids = [node.id for node in plan.nodes]
    assert len(set(ids)) == len(ids)
    assert len(set(plan.arms)) == len(plan.arms)
    for arm in plan.arms:
        for one in steps:
            node = plan.node(one["name"], arm)
            assert sum(n.step == node.step and arm in n.arms for n in plan.nodes) == 1
            for upstream in node.upstream:
                assert ids.index(upstream) < ids.index(node.id)
                assert arm in plan.nodes[ids.index(upstream)].arms


@given(st.lists(st.text(), max_size=30), st.integers(1, 10))
def test_chunks_keep_every_case_in_order(cases: list[str], size: int) -> None:
    parts = chunks(cases, size)
    assert [case for part in parts for case in part] == cases
    assert all(1 <= len(part) <= size for part in parts)
    if cases:
        canary, rest = split_canary(cases, size)
        assert [canary, *(case for part in rest for case in part)] == cases


def test_impossible_chunks() -> None:
    with pytest.raises(ValueError, match="below 1"):
        chunks(["a"], 0)
    with pytest.raises(ValueError, match="no cases"):
        split_canary([], 3)
