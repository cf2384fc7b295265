"""Replication as it is set up and watched: rules, connections, states. The work is
``background.replication``."""
