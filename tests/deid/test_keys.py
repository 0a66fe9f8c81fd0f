"""The id of a key tells keys apart and helps nobody who has none."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from deid import Pseudonyms
from deid.keys import key_id

KEYS = st.binary(min_size=16, max_size=64)


@given(KEYS)
def test_it_is_short_and_stable_and_no_part_of_the_key(key: bytes) -> None:
    made = key_id(key)
    assert re.fullmatch("[0-9a-f]{16}", made)
    assert made == key_id(bytes(key))
    assert made not in key.hex()


@given(KEYS, KEYS)
def test_other_keys_have_other_ids(one: bytes, two: bytes) -> None:
    # HMAC pads short keys with zeros: keys that differ in those only are the same key, for aliases as well.
    same = one.rstrip(b"\0") == two.rstrip(b"\0")
    assert (key_id(one) == key_id(two)) == same
    assert (Pseudonyms(one, "p").patient("1") == Pseudonyms(two, "p").patient("1")) == same


def test_it_never_changes_between_versions() -> None:
    """Recorded ids must be found again; computed apart with `openssl dgst -sha256 -mac HMAC`."""
    assert key_id(bytes.fromhex("5f" * 32)) == "a01a036d9702d842"
