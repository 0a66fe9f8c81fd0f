"""Score de-identified objects against a planted answer key, by the ten actions of the MIDI-B challenge.

>>> from deid.scoring import score
>>> result = score(outputs, answers, uid_mapping, patid_mapping)
>>> print(result.table())

The actions are re-implemented from the challenge's description (arXiv 2507.23608, and the behaviour of its public
validator); no code of it is used. Pure: reads files, writes nothing.
"""

from deid.scoring.answers import Answer, AnswerError, InstanceAnswers, load_answers, load_mapping
from deid.scoring.pixels import Judge
from deid.scoring.score import Check, Score, score

__all__ = [
    "Answer",
    "AnswerError",
    "Check",
    "InstanceAnswers",
    "Judge",
    "Score",
    "load_answers",
    "load_mapping",
    "score",
]
