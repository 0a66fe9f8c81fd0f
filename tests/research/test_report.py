"""The table lines up and hides nothing; the plots are the same bytes for the same numbers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from research.comparison import ArmDifference
from research.metrics import MetricRow
from research.report import bland_altman_svg, results_table, scatter_svg

ROW = MetricRow(
    "laa950", "mae", "absolute_error", "Mean absolute error", True, "lower", "fraction", 0.01234, 0.001, 0.1,
    0.95, "patient-cluster bootstrap", 12, 11, 12, ("1.2.3",), "1 case without a usable prediction (costs).",
)  # fmt: skip
PAIRS = {arm: [(t, t + d) for t in (0.0, 0.1, 0.3)] for arm, d in (("laa950", 0.01), ("mrf", -0.02))}


def test_table() -> None:
    undefined = replace(ROW, arm="mrf", label="AUC", is_primary=False, unit="", estimate=None)
    undefined = replace(undefined, lower=None, upper=None, interval_method="none", note="Undefined.")
    assert results_table([replace(ROW, interval_method="bootstrap"), undefined]).splitlines() == [
        "metric                arm     estimate  95 % interval     unit            ok  interval by",
        "--------------------  ------  --------  ----------------  --------  --------  -----------",
        "*Mean absolute error  laa950    0.0123  0.00100 to 0.100  fraction  11 of 12  bootstrap",
        " AUC                  mrf            -  -                 -         11 of 12  none",
        "* primary metric",
        "",
        "Mean absolute error (laa950): 1 case without a usable prediction (costs).",
        "AUC (mrf): Undefined.",
    ]


def test_table_with_comparison() -> None:
    numbers = (12, -0.5, -0.9, -0.1, 0.95, 0.0004, 0.0004)
    difference = ArmDifference("a", "b", "mae", *numbers, "paired bootstrap")
    text = results_table([ROW], [difference])
    assert "mae, a - b: -0.500 (-0.900 to -0.100) p < 0.001 (Holm) on 12 cases; told apart;" in text
    level = results_table([ROW], [replace(difference, upper=0.2, p_adjusted=0.04)])
    assert "p = 0.040 (Holm) on 12 cases; not told apart" in level
    nothing = replace(difference, difference=None, lower=None, upper=None, note="Undefined: one class.")
    assert "mae, a - b: Undefined: one class." in results_table([ROW], [nothing])
    assert results_table([]) == "No results."


@pytest.mark.parametrize("plot", [scatter_svg, bland_altman_svg])
def test_plots_are_labelled_svg_with_text(plot: Callable[..., str]) -> None:
    text = plot(PAIRS, unit="fraction of lung", title="Emphysema")
    assert len(text) < 60_000
    root = ElementTree.fromstring(text)
    assert root.tag.endswith("svg")
    words = " ".join(element.text or "" for element in root.iter() if element.tag.endswith("text"))
    for word in ("Emphysema", "truth (fraction of lung)", "prediction", "laa950", "mrf"):
        assert word in words
    assert text == plot(dict(reversed(PAIRS.items())), unit="fraction of lung", title="Emphysema")
    assert text != plot({"mrf": PAIRS["mrf"]}, unit="fraction of lung", title="Emphysema")
    small = plot(PAIRS, unit="fraction of lung", width=2.4, height=1.8)
    assert 'width="172.8pt"' in small


@pytest.mark.parametrize("plot", [scatter_svg, bland_altman_svg])
def test_plots_refuse_what_cannot_be_drawn(plot: Callable[..., str]) -> None:
    for nothing in ({}, {"a": []}):
        with pytest.raises(ValueError, match="no points"):
            plot(nothing)
    with pytest.raises(ValueError, match="not finite"):
        plot({"a": [(0.0, float("nan"))]})


def test_equal_values_single_arms_and_failed_arms_are_drawn() -> None:
    assert scatter_svg({"": [(0.1, 0.1)]}).startswith("<?xml")
    assert bland_altman_svg({"": [(0.1, 0.1), (0.1, 0.1)]}).startswith("<?xml")
    # An arm keeps its colour when another arm has nothing to show.
    alone, beside = scatter_svg({"a": [], "b": PAIRS["mrf"]}), scatter_svg({"b": PAIRS["mrf"]})
    assert "#d55e00" in alone
    assert "#d55e00" not in beside


def test_no_display_and_no_global_state() -> None:
    code = (
        "import sys; from research.report import scatter_svg;"
        "assert 'matplotlib' not in sys.modules; scatter_svg({'a': [(0, 1)]});"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
