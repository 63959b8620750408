"""The commands of `floorsim`, one file a command."""
