"""DIMSE, DICOM's own protocol (PS3.7): ask an archive, have it send to us or fetch on the same connection."""

from research.dimse.peer import Peer, echo
from research.dimse.receiver import Receiver
from research.dimse.source import DimseSource
from research.dimse.statuses import in_words

__all__ = ["DimseSource", "Peer", "Receiver", "echo", "in_words"]
