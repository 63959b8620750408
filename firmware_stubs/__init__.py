"""Machines for technicians: firmware stubs on the real wire. Imports nothing of devices/ or controller/."""
