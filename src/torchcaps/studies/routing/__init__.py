"""One network under every routing algorithm, beside controls that do not route."""
