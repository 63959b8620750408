"""The hub: where parcels go, why, in time, and what the broker is told about it."""

__version__ = "0.1.0"
