"""Keyed pseudonyms: the same input gives the same output on every machine, without a lookup table.

Everything is HMAC-SHA256 under the project's key, so nobody without the key can compute or test a pseudonym,
and two projects (or two keys) cannot be linked. What leads back from a pseudonym is the crosswalk alone.
"""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

from deid.exceptions import KeyFileError

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: no I, L, O, U to misread
_MEMO_LIMIT = 100_000
_LABEL = b"radflow-deid-1"
_BLOCK = 64  # of SHA-256, in bytes
SHORTEST_KEY = 16
#: Dates move to the past by this many days (both ends included); constant per patient.
SHIFT_RANGE = (180, 3650)


def normal(identifier: str) -> str:
    """One spelling per identifier: Unicode NFKC, no outer or repeated blanks, upper case."""
    return " ".join(unicodedata.normalize("NFKC", identifier).replace("\0", " ").split()).upper()


class Pseudonyms:
    """Aliases, UIDs, date offsets and hashed identifiers of one project.

    Args:
        key: the project's secret, at least 16 bytes; keep it out of the repository and the logs.
        project: name of the project; part of every hash, so that one key may serve several projects.

    Raises:
        KeyFileError: when the key is too short or the project has no name.
    """

    def __init__(self, key: bytes, project: str) -> None:
        if len(key) < SHORTEST_KEY:
            reason = f"The project key has {len(key)} bytes; at least {SHORTEST_KEY} are needed."
            raise KeyFileError(reason, "Make one with `python -m deid key FILE` and keep it safe.")
        if not project.strip():
            reason = "The project has no name."
            raise KeyFileError(reason, "Give one; pseudonyms differ between projects.")
        short = key if len(key) <= _BLOCK else hashlib.sha256(key).digest()
        padded = self._padded = short.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + _LABEL)
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        self._project = project.strip()
        self._uids: dict[str, str] = {}
        self._watched: list[tuple[str, str]] | None = None
        self._begun: dict[str, hashlib._Hash] = {}

    @classmethod
    def from_file(cls, path: Path, project: str) -> Pseudonyms:
        """Read the key from a file (its bytes, without a trailing line end).

        Raises:
            KeyFileError: when the file cannot be read or the key is too short.
        """
        try:
            key = path.read_bytes().rstrip(b"\r\n")
        except OSError as error:
            reason = f"The key file cannot be read ({error.strerror})."
            raise KeyFileError(reason, "Make one with `python -m deid key FILE`.") from None
        return cls(key, project)

    def __repr__(self) -> str:
        return f"Pseudonyms(project={self._project!r})"

    def _digest(self, kind: str, value: str) -> bytes:
        code = (self._begun.get(kind) or self._begin(kind)).copy()
        raw = value.encode("utf-8", "surrogatepass")
        code.update(len(raw).to_bytes(4, "big") + raw)
        outer = self._outer.copy()
        outer.update(code.digest())
        return outer.digest()

    def _begin(self, kind: str) -> hashlib._Hash:
        """The inner hash of HMAC (RFC 2104) over project and kind, which all values of a kind share."""
        code = self._inner.copy()
        for part in (self._project, kind):
            raw = part.encode("utf-8", "surrogatepass")
            code.update(len(raw).to_bytes(4, "big") + raw)  # lengths: no two inputs share an encoding
        if len(self._begun) >= _MEMO_LIMIT:
            self._begun.clear()
        self._begun[kind] = code
        return code

    @staticmethod
    def _letters(digest: bytes, count: int) -> str:
        number = int.from_bytes(digest[:16], "big")
        return "".join(_ALPHABET[number >> 5 * place & 31] for place in range(count))

    @staticmethod
    def _person(patient_id: str, issuer: str) -> str:
        return f"{normal(patient_id)}\n{normal(issuer)}"

    def patient(self, patient_id: str, issuer: str = "") -> str:
        """Alias of a patient, like ``RF-7K3M9Q2XTB`` (50 bits; normalised id and issuer)."""
        return "RF-" + self._letters(self._digest("patient", self._person(patient_id, issuer)), 10)

    def days(self, patient_id: str, issuer: str = "") -> int:
        """Days to add to every date of a patient: negative, from -3650 to -180, constant per patient."""
        digest = self._digest("days", self._person(patient_id, issuer))
        first, last = SHIFT_RANGE
        return -(first + int.from_bytes(digest[:8], "big") % (last - first + 1))

    def uid(self, uid: str) -> str:
        """New UID ``2.25.<UUID as decimal>`` (PS3.5 B.2); the UUID is of version 8 (RFC 9562)."""
        known = self._uids.get(uid)
        if known is None:
            if len(self._uids) >= _MEMO_LIMIT:  # memory stays constant over a million objects
                self._uids.clear()
            known = self._uids[uid] = self._new_uid(uid)
        if self._watched is not None:
            self._watched.append((uid, known))
        return known

    def uid_secret(self) -> tuple[bytes, bytes]:
        """What the compiled walker needs to map UIDs as :meth:`uid` does.

        Returns:
            The key padded to a block of SHA-256, and what the hash covers before the UID. Empty while UIDs are
            watched: then each must pass through :meth:`uid`.
        """
        if self._watched is not None:
            return b"", b""
        parts = [part.encode("utf-8", "surrogatepass") for part in (self._project, "uid")]
        return self._padded, _LABEL + b"".join(len(raw).to_bytes(4, "big") + raw for raw in parts)

    def watch(self, pairs: list[tuple[str, str]] | None) -> None:
        """Note every UID that is mapped from now on as (original, new) in ``pairs``; None stops it."""
        self._watched = pairs

    def _new_uid(self, uid: str) -> str:
        number = int.from_bytes(self._digest("uid", uid)[:16], "big")
        number = number & ~(0xF << 76) | 8 << 76
        number = number & ~(3 << 62) | 2 << 62
        return f"2.25.{number}"

    def text(self, kind: str, value: str) -> str:
        """Hashed identifier of 13 characters, fit for SH, AE and LO.

        Args:
            kind: what sort of identifier; equal values of different kinds stay unlinked.
            value: the identifier; normalised as patient ids are.
        """
        return "H" + self._letters(self._digest("text/" + kind, normal(value)), 12)
