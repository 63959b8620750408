"""What a code says: every scheme that it may belong to, each with its check; never the first regular expression.

A scheme is one module with `candidate(text)`; `gather` lists them.
"""

from devices.barcodes.candidate import Candidate
from devices.barcodes.gather import candidates

__all__ = ["Candidate", "candidates"]
