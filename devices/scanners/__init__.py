"""Barcode scanners: one family, one file; the file name is the `kind` of the configuration."""
