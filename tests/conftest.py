"""What every test shares: how hypothesis runs."""

from __future__ import annotations

from hypothesis import settings

# No deadline: a busy machine is not a failure. No example database: a run depends on nothing but the tree.
settings.register_profile("hubfloor", deadline=None, database=None)
settings.load_profile("hubfloor")
