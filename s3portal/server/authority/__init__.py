"""Whether a caller may do what it asks for: policies, and the one decision over them."""
