"""The Imaging Data Commons as a source: its index as one file, its objects in public buckets.

``IdcSource`` selects from the index without loading it whole, and streams objects over HTTPS with the listing
and range requests of S3, anonymously.
"""

from research.idc.index import IdcIndex, current_index
from research.idc.s3 import Bucket, RemoteObject
from research.idc.source import IdcSource

__all__ = ["Bucket", "IdcIndex", "IdcSource", "RemoteObject", "current_index"]
