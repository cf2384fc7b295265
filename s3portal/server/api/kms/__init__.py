"""The key management's operations, each a function of a call and its parameters; no HTTP in them."""
