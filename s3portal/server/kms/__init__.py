"""Key management: the master key, what is sealed with it, customers' keys, and the envelopes of objects."""
