"""Clean Recognizable Visual Features (PS3.15 E.3.2): the face goes from CT and MR of a head, the brain stays."""

from deid.faces.clean import FaceOutcome, clean_faces
from deid.faces.presence import may_hold_face
from deid.faces.rules import FaceRules

__all__ = ["FaceOutcome", "FaceRules", "clean_faces", "may_hold_face"]
