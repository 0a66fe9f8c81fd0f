"""Findings in the text of radiology reports, by rules that are data.

Example:
    >>> from research.findings import extract, load_rules, summarise
    >>> rules = load_rules()
    >>> found = extract("FINDINGS: Small left pleural effusion. No pneumothorax.", rules)
    >>> [(one.finding, one.status) for one in found]
    [('pleural_effusion', 'present'), ('pneumothorax', 'absent')]
    >>> summarise(found, rules).present
    ('pleural_effusion',)
"""

from research.findings.engine import extract
from research.findings.errors import RulesError
from research.findings.model import Code, Finding, Kind, Rules
from research.findings.rules import load_rules
from research.findings.summary import Summary, labels, summarise

__all__ = [
    "Code",
    "Finding",
    "Kind",
    "Rules",
    "RulesError",
    "Summary",
    "extract",
    "labels",
    "load_rules",
    "summarise",
]
