"""What a server does in the background: the integrity scan, lifecycle rules, notifications.

Of several processes only one does it (``runner``). Every job can be turned off, notes how far it has come in
the database, and does no harm when it is killed at any moment.
"""
