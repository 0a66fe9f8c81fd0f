"""How a project key is called: a short name that tells keys apart and says nothing about them."""

from __future__ import annotations

import hashlib
import hmac

KEY_ID_DIGITS = 16


def key_id(key: bytes) -> str:
    """First 16 hexadecimal digits of HMAC-SHA256 under the key; safe to store, show and log.

    The message differs from every message that a pseudonym is made of (those begin with ``radflow-deid-1``), so an
    id is no help in computing an alias. 64 bits: two keys of one installation do not share an id by chance.
    """
    return hmac.new(key, b"radflow-key-id-1", hashlib.sha256).hexdigest()[:KEY_ID_DIGITS]
