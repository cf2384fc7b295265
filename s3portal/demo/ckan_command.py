"""CKAN's command line, with libmagic from its wheel: `python -m s3portal.demo.ckan_command -c CKAN.INI …`."""

import pylibmagic  # noqa: F401  (before CKAN, which loads the library through python-magic)

if __name__ == "__main__":
    from ckan.cli.cli import ckan

    ckan()
