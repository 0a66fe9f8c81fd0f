"""LAA-950: the fraction of lung volume below -950 HU (Gevenois et al., AJRCCM 1996)."""

from __future__ import annotations

import numpy as np
from radflow_model import CaseError, main, read_image, voxels, write_image, write_value

THRESHOLD_HU = -950


def run() -> None:
    """``ct-image`` and ``lung-mask`` to ``emphysema-fraction`` and ``emphysema-mask``."""
    image = read_image("ct-image")
    ct, lung = voxels(image), voxels(read_image("lung-mask")) > 0
    if lung.shape != ct.shape:
        msg = f"The lung mask has the shape {lung.shape}, the scan {ct.shape}."
        raise CaseError(msg)
    if not lung.any():
        msg = "The lung mask is empty."
        raise CaseError(msg)
    emphysema = lung & (ct < THRESHOLD_HU)
    write_image("images/emphysema-mask", emphysema.astype(np.uint8), image)
    write_value("emphysema-fraction.json", float(emphysema.sum() / lung.sum()))


if __name__ == "__main__":
    main(run)
