"""The dtool storage broker: datasets in a bucket under ``s3://`` URIs, in the layout of dtool-s3.

dtool finds it by the entry point ``dtool.storage_brokers``; no one imports it by hand. ``broker.py`` is the
interface that dtoolcore calls, and each thing that it needs is a file of its own beside it.
"""
