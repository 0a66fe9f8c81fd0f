"""Descriptors, digests and fits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.algorithms import (
    Resources,
    fingerprint,
    fits,
    load_algorithm,
    load_algorithms,
    misfit,
    source_digest,
)
from research.errors import AlgorithmError
from research.sockets import SOCKETS, Socket

ECHO = Path(__file__).parent.parent / "docker" / "algorithms" / "echo"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(ECHO, tmp_path / "echo"))


def change(folder: Path, **fields) -> None:
    path = folder / "algorithm.json"
    data = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))


def test_the_shipped_models():
    models = load_algorithms()
    assert sorted(models) == ["denoise", "emphysema_laa", "emphysema_mrf", "lungs"]
    assert [socket.slug for socket in models["emphysema_mrf"].inputs] == ["ct-image", "lung-mask"]
    assert models["lungs"].image == "radflow/lungs:1.0.0"
    assert models["lungs"].output("lung-mask") is SOCKETS["lung-mask"]
    assert len({model.digest for model in models.values()}) == 4
    with pytest.raises(AlgorithmError, match="lung-mask"):
        models["lungs"].output("kidney-mask")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": None}, "missing fields \\['name'\\]"),
        ({"colour": "red"}, "unknown fields \\['colour'\\]"),
        ({"inputs": ["no-such-socket"]}, "no-such-socket"),
        ({"resources": {"memory_gb": 4}}, "resources"),
        ({"resources": {"memory_mb": 0}}, "not positive"),
        ({"api_method": "telepathy"}, "telepathy"),
        ({"sockets": [{"slug": "x", "colour": "red"}]}, "a socket lacks a field"),
        ({"entry_point": "main.py"}, "main.py"),
    ],
)
def test_malformed_descriptors_are_refused(fields, words, folder):
    change(folder, **fields)
    with pytest.raises(AlgorithmError, match=words) as raised:
        load_algorithm(folder)
    assert raised.value.instruction


def test_no_descriptor(tmp_path):
    with pytest.raises(AlgorithmError, match="missing or not JSON"):
        load_algorithm(tmp_path)
    with pytest.raises(AlgorithmError, match="No algorithm"):
        load_algorithms(tmp_path)


def test_a_model_that_wants_to_be_invoked_is_refused_and_not_run_the_other_way(folder):
    change(folder, api_method="invoke")
    with pytest.raises(AlgorithmError, match="invoke mode cannot be run") as refused:
        load_algorithm(folder)
    assert "exec" in refused.value.instruction


def test_two_of_one_name_are_refused(folder):
    shutil.copytree(folder, folder.parent / "copy")
    with pytest.raises(AlgorithmError, match="Two folders"):
        load_algorithms(folder.parent)


def test_digest_follows_the_source_and_nothing_else(folder):
    before = source_digest(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "run.pyc").write_bytes(b"x")
    (folder / "run.py").touch()
    assert source_digest(folder) == before
    (folder / "weights.bin").write_bytes(b"x")
    added = source_digest(folder)
    (folder / "weights.bin").rename(folder / "other.bin")
    renamed = source_digest(folder)
    (folder / "other.bin").write_bytes(b"y")
    assert len({before, added, renamed, source_digest(folder)}) == 4


def test_digest_covers_the_helper_module():
    lungs = load_algorithms()["lungs"]
    assert [helper.name for helper in lungs.helpers] == ["radflow_model"]
    assert lungs.digest != source_digest(lungs.folder)


def test_fits():
    ct, denoised, mask = (SOCKETS[slug] for slug in ("ct-image", "denoised-ct", "lung-mask"))
    integer, number, anything = (
        Socket(kind, kind, kind, f"{kind}.json") for kind in ("Integer", "Float", "Anything")
    )
    assert fits(ct, denoised)
    assert fits(denoised, ct)
    assert not fits(mask, ct)
    assert fits(integer, number)
    assert not fits(number, integer)
    assert fits(number, anything)
    assert not fits(ct, anything)
    assert misfit(mask, ct) == "lung-mask is of kind Segmentation, but ct-image takes Image."
    assert misfit(ct, denoised) is None


@given(
    st.dictionaries(st.text(), st.text(), max_size=4), st.dictionaries(st.text(), st.integers(), max_size=3)
)
def test_fingerprint_depends_on_content_not_order(hashes, params):
    key = fingerprint("sha256:1", hashes, params)
    assert key == fingerprint("sha256:1", dict(reversed(hashes.items())), dict(reversed(params.items())))
    assert key != fingerprint("sha256:2", hashes, params)
    assert key != fingerprint("sha256:1", {**hashes, "one-more": "x"}, params)
    assert key != fingerprint("sha256:1", hashes, {**params, "one-more": 1})


def test_resources_are_positive():
    with pytest.raises(AlgorithmError):
        Resources(time_limit_s=-1)
