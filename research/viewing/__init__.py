"""A series as it is looked at: a thumbnail, a volume for viewers, a segmentation on the volume's grid.

For eyes only: voxels may be fewer, colours are grey and gaps between slices one value. Nothing here is measured on.
Runs apart from whoever asks: ``python -m research.viewing``.
"""

from research.viewing.masks import write_mask
from research.viewing.series import MOST_VOXELS, VERSION, View, write_thumbnail, write_volume

__all__ = ["MOST_VOXELS", "VERSION", "View", "write_mask", "write_thumbnail", "write_volume"]
