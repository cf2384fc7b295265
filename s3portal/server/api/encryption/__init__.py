"""How objects are encrypted: what a request asks for, what opens them again, and what answers say of it."""
