"""Clean Recognizable Visual Features (PS3.15 E.3.2): the face goes from CT and MR of a head, the brain stays.

The image libraries load when a volume is looked at, not when a policy is read.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deid.faces.rules import FaceRules

if TYPE_CHECKING:
    from deid.faces.clean import FaceOutcome, clean_faces
    from deid.faces.headers import may_hold_face

__all__ = ["FaceOutcome", "FaceRules", "clean_faces", "may_hold_face"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(
            import_module("deid.faces.headers" if name == "may_hold_face" else "deid.faces.clean"), name
        )
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
