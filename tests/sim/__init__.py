"""The deterministic simulation: a whole hub in one process, under a virtual clock and one seed. See __main__.py."""
