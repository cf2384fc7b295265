"""Packaging of the placeholder for indico-plugin-storage-s3: its name, its module names, and no plugin.

The plugin is in s3portal. What requires ``indico-plugin-storage-s3`` (the meta package ``indico-plugins``) is
satisfied by this distribution, so that pip does not install that plugin beside ours: Indico does not start
with two plugins of one name.
"""

import sys

from setuptools import setup

# The meta package of each Indico wants the plugin of the same series (`>=3.2.2,<3.3.dev0`), and each Indico
# runs on Pythons of its own: 3.2 before 3.12, 3.3 from there on.
SERIES, PYTHONS = ("3.3", ">=3.12") if sys.version_info >= (3, 12) else ("3.2", ">=3.10,<3.12")

setup(
    name="indico-plugin-storage-s3",
    # Above every release of the other plugin in its series; the local label says whose it is (PEP 440).
    version=f"{SERIES}.99+s3portal",
    description="Stands in for indico-plugin-storage-s3 where s3portal provides the plugin storage_s3",
    license="MIT",
    python_requires=PYTHONS,
    packages=["indico_storage_s3"],
    # No entry point: s3portal has the plugin's, and there must be one only.
    install_requires=["s3portal[indico]"],
)
