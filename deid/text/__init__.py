"""Clean Descriptors of PS3.15: identity out of free text, clinical words kept, offline and without a model.

>>> from deid.text import TextCleaner
>>> TextCleaner([("name", "Smith^John")], days=None).clean("CT CHEST J. Smith", placeholder=False).text
'CT CHEST'
"""

from deid.text.cleaner import PLACEHOLDERS, Cleaned, Cut, TextCleaner
from deid.text.describe import describe

__all__ = ["PLACEHOLDERS", "Cleaned", "Cut", "TextCleaner", "describe"]
