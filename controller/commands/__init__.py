"""The commands of `floord`, one file a command."""
