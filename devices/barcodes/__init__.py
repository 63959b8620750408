"""What a code says: every scheme that it may belong to, each with its check; never the first regular expression.

A scheme is an entry of its module's `SCHEMES`; `gather` lists them. docs/barcodes.md says what each can prove.
"""

from devices.barcodes.aim import words
from devices.barcodes.candidate import Candidate
from devices.barcodes.gather import NAMES, candidates

__all__ = ["NAMES", "Candidate", "candidates", "words"]
