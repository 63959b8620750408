"""The published events as they were promised: version 1 of their JSON Schema, kept beside the code that makes it.

`python -m tests.contract` writes it anew, after something was added. What is there already stays: the test says so.
"""
