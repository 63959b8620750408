"""What hubfloor costs and how fast it is: `make bench`. Nothing here is a test, and no figure fails anything."""
