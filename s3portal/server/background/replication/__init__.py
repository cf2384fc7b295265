"""Replication at work: changes become tasks, and tasks are done at the targets. Loads botocore only where
there is a rule."""
