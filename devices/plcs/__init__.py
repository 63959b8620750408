"""Conveyor and sorter PLCs: one encoding of the PLC interface, one file; the file name is the `kind`."""
