"""What a running floor shows and takes over HTTP: views, the tap of its wires and ledger, and the server."""
