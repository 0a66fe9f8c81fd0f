"""A bounded fuzz: no crash without a reason code, no partial output, compiled and Python walks alike."""

import importlib.util
import sys
from pathlib import Path

import pytest

from deid import plans

SCRIPT = Path(__file__).resolve().parents[1] / "fuzz" / "fuzz_deid.py"


@pytest.mark.skipif(not plans.has_compiled(), reason="there is no compiled walker here")
@pytest.mark.filterwarnings("ignore")
def test_fuzz():
    """Twenty seconds of processor time; the same script runs for hours by hand."""
    spec = importlib.util.spec_from_file_location("fuzz_deid", SCRIPT)
    fuzz = sys.modules["fuzz_deid"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    counts = fuzz.run(20, seed=0)
    assert counts["walkers agree"] > 500
    assert counts["output"] > 5
    assert len(counts) > 5  # several reasons for quarantine were met
