"""The heart: store, keys, part plans, presigning, session credentials, uploads, downloads."""
