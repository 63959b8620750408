"""Scale and dimensioner stubs, one family, one file."""
