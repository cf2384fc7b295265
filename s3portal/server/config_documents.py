"""The document of a configuration file: JSON, or YAML where the file is called so."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from s3portal.server.config_values import ConfigError
from s3portal.server.wire.json_documents import parse_json

YAML_SUFFIXES = (".yaml", ".yml")


def read_document(path: Path) -> Any:
    """Returns what a file holds. Raises OSError, and ValueError that says what is wrong."""
    text = path.read_text("utf-8")
    return parse_yaml(text) if path.suffix.lower() in YAML_SUFFIXES else parse_json(text)


def parse_yaml(text: str) -> Any:
    """Returns the one document of a YAML text. What looks like a date is a text in it, as in JSON: policies
    have versions like 2012-10-17.

    Raises ValueError, and ConfigError without PyYAML.
    """
    try:
        yaml: Any = importlib.import_module("yaml")
    except ModuleNotFoundError as missing:
        raise ConfigError("YAML needs PyYAML: pip install PyYAML, or use JSON") from missing
    resolvers = {
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    loader = type("Loader", (yaml.SafeLoader,), {"yaml_implicit_resolvers": resolvers})
    try:
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as problem:
        raise ValueError(f"it is not valid YAML: {problem}") from problem
