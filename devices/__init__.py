"""What a machine can say and hear: drivers without I/O, the links that carry their bytes, and what barcodes mean."""
