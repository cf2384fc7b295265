"""Packaging of the placeholder for dtool-s3: its name, its module names, and no broker.

The broker is in s3portal. What requires ``dtool-s3`` (plugins of dserver, dtool-ecs) is satisfied by this
distribution, so that pip does not install that broker beside ours: dtoolcore keeps one of two for
``s3://``, and does not say which.
"""

from setuptools import setup

setup(
    name="dtool-s3",
    # Above every release of the other distribution; the local label says whose it is (PEP 440).
    version="0.99+s3portal",
    description="Stands in for dtool-s3 where s3portal provides the storage broker for s3:// datasets",
    license="MIT",
    python_requires=">=3.10",
    packages=["dtool_s3"],
    # No entry point: s3portal has the broker's, and there must be one only.
    install_requires=["s3portal[dtool]"],
)
