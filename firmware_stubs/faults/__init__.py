"""Faults at will: a registry of all kinds, an engine that strikes with them and ends them, scenario files."""
