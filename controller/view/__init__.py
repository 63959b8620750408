"""`floord view`: a simulated floor at a terminal, drawn, with its wires and its faults.

A client of two things: the HTTP interface of floorsim (interface.py) and the control socket of floord (health.py). The
rest but the application (app.py, pane.py, dialogs.py) is pure: what those two say becomes rows of text with ink.
"""
