"""Acquisition parameters that the National Lung Screening Trial packed into its Series Descriptions.

``year,type,manufacturer,model,kernel,FOV mm,slice thickness mm,kVp,mAs,effective mAs,pitch``, for example
``0,OPA,SE,VZOOM,B30f,320,5,120,60,30,na``; ``na``, ``null``, ``unkn`` and zero mean unknown, and a field of view may
have a separator of thousands (``1,024``). Source: the public descriptions of the collection ``nlst`` themselves.
"""

from __future__ import annotations

import math
from typing import NamedTuple

COLLECTION = "nlst"
_FIELDS = 11
_UNKNOWN = frozenset({"", "na", "null", "unkn"})
_THICKEST_MM = 20.0


class Acquisition(NamedTuple):
    """What one packed description says; None is unknown.

    Attributes:
        study_year: screening round, 0 to 2.
        convolution_kernel: vendor's name of the reconstruction kernel.
        field_of_view_mm: reconstruction diameter.
        slice_thickness_mm: thicknesses above 20 mm are slips and unknown.
        kvp: peak tube voltage, kV.
        exposure_mas: exposure, mAs.
        effective_mas: exposure divided by the pitch, mAs.
        pitch: ratio, no unit.
    """

    study_year: int | None
    convolution_kernel: str | None
    field_of_view_mm: float | None
    slice_thickness_mm: float | None
    kvp: float | None
    exposure_mas: float | None
    effective_mas: float | None
    pitch: float | None


def parse_packed(description: str | None) -> Acquisition | None:
    """Read one description; None where it is not a packed one."""
    fields = [field.strip() for field in (description or "").split(",")]
    if len(fields) == _FIELDS + 1 and len(fields[6]) == 3 and (fields[5] + fields[6]).isdecimal():
        fields[5:7] = [fields[5] + fields[6]]
    if len(fields) != _FIELDS or not fields[0].isdecimal():
        return None
    kernel = None if fields[4].lower() in _UNKNOWN else fields[4]
    thickness = _number(fields[6])
    return Acquisition(
        study_year=int(fields[0]),
        convolution_kernel=kernel,
        field_of_view_mm=_number(fields[5]),
        slice_thickness_mm=thickness if thickness is not None and thickness <= _THICKEST_MM else None,
        kvp=_number(fields[7]),
        exposure_mas=_number(fields[8]),
        effective_mas=_number(fields[9]),
        pitch=_number(fields[10]),
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
