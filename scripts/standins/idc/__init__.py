"""A stand-in for the Imaging Data Commons: public buckets that speak S3, and an index of what is in them.

It serves a folder of DICOM files the way IDC's buckets do (ListObjectsV2 with continuation, GET with ranges and
ETags, S3's errors in XML), and writes an index with the columns of ``idc_index.parquet``. On request it has the
faults of a real bucket.

    python -m scripts.standins.idc --root FOLDER --index idc_index.parquet --port 8490
"""

from scripts.standins.idc.holdings import BUCKET, Holdings, write_index
from scripts.standins.idc.server import KINDS, Fault, IdcStandIn, Request

__all__ = ["BUCKET", "KINDS", "Fault", "Holdings", "IdcStandIn", "Request", "write_index"]
