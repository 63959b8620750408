"""PLC stubs, one encoding, one file."""
