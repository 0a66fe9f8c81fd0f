"""The compiled walks are the Python walks: same bytes, same counts, same refusals, whatever the input."""

import importlib.util
import shutil
import subprocess
import sysconfig
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid import Pseudonyms, load_policy, plans, structure, walker
from deid.handlers import Scope
from deid.rules import RuleTable
from deid.structure import StructureError
from deid.text import TextCleaner
from tests.support.dicom_bytes import data_set, mutated

pytestmark = pytest.mark.skipif(not plans.has_compiled(), reason="there is no compiled walker here")
CT = "1.2.840.10008.5.1.4.1.1.2"
PSEUDONYMS = Pseudonyms(bytes(range(32)), "tests")
IDENTITY = [("name", "Quimbly^Archibald"), ("id", "MRN-0012345"), ("place", "Mercy Hospital")]
INSERTS = [(0x00100010, b"\x10\0\x10\0PN\2\0RF"), (0x00120062, b"\x12\0\x62\0CS\4\0YES "), (0xFFFCFFFC, b"")]


def outcome(call, *args, **kwargs):
    try:
        return call(*args, **kwargs)
    except StructureError as error:
        return error.code


def planner(policy):
    scope = Scope(PSEUDONYMS, "RF-7K3M9Q2XTB", "MRN-0012345", "", -400, TextCleaner(IDENTITY, days=-400))
    return plans.Planner(policy, RuleTable(policy, CT), scope)


@cache
def policy_of(number):
    """Basic, research, and every option that has to do with headers."""
    if number < 2:
        return load_policy(("basic", "research")[number])
    options = {"clean_descriptors", "clean_structured_content", "clean_graphics"}
    return replace(load_policy("research"), options=load_policy("research").options | options, private="tcia")


def agree(which, data, *, implicit):
    """Compare scans, and walks where the scan lets the data pass; returns the walk's bytes, if any."""
    policy = policy_of(which)
    for complete in (True, False):
        python = outcome(plans.scan, data, 0, implicit=implicit, complete=complete, pure=True)
        assert outcome(plans.scan, data, 0, implicit=implicit, complete=complete) == python
    stop = python.stop if isinstance(python, structure.Scan) else len(data)
    slow, fast = planner(policy).plan(pure=True), planner(policy).plan()
    assert type(slow) is not type(fast)
    results = [outcome(plan.walk, data, 0, stop, implicit, list(INSERTS)) for plan in (slow, fast)]
    if isinstance(python, structure.Scan):
        assert not isinstance(results[0], str) or results[0] == "malformed"
        assert results[0] == results[1]
        assert slow.counts() == fast.counts()
        return results[0] if isinstance(results[0], bytes) else None
    if isinstance(results[0], str):
        assert isinstance(results[1], str)
    else:
        assert results[0] == results[1]
    return None


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans(), st.integers(0, 2))
def test_valid(chance, implicit, which):
    """Random data sets without damage pass both, and what comes out can be walked again."""
    data = data_set(chance, implicit=implicit)
    out = agree(which, data, implicit=implicit)
    if out is not None and not implicit:
        assert isinstance(
            outcome(plans.scan, out, 0, implicit=False, complete=True, pure=True), structure.Scan
        )


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 60), st.booleans(), st.integers(0, 2), st.sampled_from([0.02, 0.1, 0.3]))
def test_damaged(seed, implicit, which, damage):
    agree(which, data_set(Random(seed), implicit=implicit, damage=damage), implicit=implicit)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 60), st.booleans(), st.integers(0, 2))
def test_mutated(seed, implicit, which):
    chance = Random(seed)
    data = mutated(chance, data_set(chance, implicit=implicit))
    agree(which, data, implicit=implicit)


def test_depth_is_bounded():
    """64 levels pass, more are refused by both, and no stack overflows."""

    def nested(levels):
        data = b""
        for _ in range(levels):
            item = b"\xfe\xff\0\xe0\xff\xff\xff\xff" + data + b"\xfe\xff\x0d\xe0\0\0\0\0"
            data = b"\x08\0\x18\x22SQ\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
        return data

    assert agree(0, nested(64), implicit=False) is not None
    for levels in (65, 5000):
        data = nested(levels)
        assert agree(0, data, implicit=False) is None
        assert outcome(plans.scan, data, 0, implicit=False, complete=True) == "malformed"


def test_both_refuse_what_cannot_be_written():
    """A value that its VR has no room for."""
    entry = walker.Entry(walker.CALL, call=lambda value, vr, local: b"x" * 70000)
    for made in (walker.Plan, plans.compiled.Plan):
        plan = made(lambda tag, nested: entry, lambda *_: False, lambda *_: None, plans.odd)
        assert outcome(plan.walk, b"\x10\0\x20\0LO\2\0AB", 0, 10, False, []) == "malformed"


def portable(folder):
    """The compiled walker without the processor's own SHA-256."""
    source = Path(plans.compiled.__file__).parent / "_walker.c"
    library = folder / f"_walker{sysconfig.get_config_var('EXT_SUFFIX')}"
    include = sysconfig.get_path("include")
    command = ["cc", "-O1", "-fPIC", "-shared", "-DDEID_PORTABLE", f"-I{include}", source, "-o", library]
    subprocess.run(command, check=True)
    spec = importlib.util.spec_from_file_location("deid._walker", library)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not shutil.which("cc"), reason="there is no C compiler here")
def test_uids_on_any_processor(tmp_path):
    """By the SHA-256 of the processor and without, remembered or not, of every length: the same new UIDs."""
    chance = Random(5)
    uids = [
        "1.2." + "".join(chance.choice("0123456789") for _ in range(length - 4)) for length in range(5, 65)
    ]
    uids += [uid[:-8] + "12345678" for uid in uids if len(uid) > 12] + ["1.2.840.10008.1.2.1", "1.2.3", "9"]
    rounds = uids + chance.sample(uids, len(uids))
    scope = Scope(PSEUDONYMS, "RF-7K3M9Q2XTB", "MRN-0012345", "", -400, TextCleaner(IDENTITY, days=-400))
    made = plans.Planner(policy_of(1), RuleTable(policy_of(1), CT), scope)
    arguments = made.resolve, made.block, made.private, plans.odd, -400, PSEUDONYMS.uid_secret()
    modules = plans.compiled.Plan(*arguments), portable(tmp_path).Plan(*arguments)
    for uid in rounds:
        value = uid.encode() + b"\0" * (len(uid) % 2)
        data = b"\x08\0\x18\0UI" + len(value).to_bytes(2, "little") + value
        expected = PSEUDONYMS.uid(uid).encode() if not uid.startswith("1.2.840.10008.") else uid.encode()
        for plan in modules:
            assert plan.walk(data, 0, len(data), False, [])[8:].rstrip(b"\0") == expected
