"""The hub's IT, seen from the floor: each module is one kind of `[stub]`; see `CentreStub`."""
