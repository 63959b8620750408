"""Barcode scanner stubs, one family, one file."""
