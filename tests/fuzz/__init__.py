"""Any bytes, in any pieces, at any time, between commands, confirmations and silences, for every kind of driver."""
