"""Many series at once: found, shared out to processes, resumed after a stop, reported.

>>> from deid.batch import Batch, Options
"""

from deid.batch.index import Index
from deid.batch.run import Batch, Options, Outcome

__all__ = ["Batch", "Index", "Options", "Outcome"]
