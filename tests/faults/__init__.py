"""The fault suite: real processes, and what is done to them. What the simulation in memory cannot show."""
