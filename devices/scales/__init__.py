"""Scales and dimensioners, one family, one file."""
