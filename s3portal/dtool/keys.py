"""The keys of one dataset. The layout is dtool-s3's, to the letter; see docs/dtool.md. Pure."""

from dataclasses import dataclass

#: Every dataset of a bucket is registered at its top level, whatever its prefix.
REGISTRATION_PREFIX = "dtool-"


def registration_key(uuid: str) -> str:
    """The key whose body is the dataset's prefix: empty where it has none."""
    return f"{REGISTRATION_PREFIX}{uuid}"


@dataclass(frozen=True, slots=True)
class DatasetKeys:
    """The keys of the dataset ``uuid``. ``prefix`` is joined raw: ``u/me`` gives ``u/me<uuid>/``."""

    prefix: str
    uuid: str

    @property
    def base(self) -> str:
        """What every key but the registration begins with, without the slash: a published dataset's path."""
        return f"{self.prefix}{self.uuid}"

    @property
    def admin_metadata(self) -> str:
        return f"{self.base}/dtool"

    @property
    def structure(self) -> str:
        return f"{self.base}/structure.json"

    @property
    def manifest(self) -> str:
        return f"{self.base}/manifest.json"

    @property
    def http_manifest(self) -> str:
        return f"{self.base}/http_manifest.json"

    @property
    def readme(self) -> str:
        return f"{self.base}/README.yml"

    @property
    def dtool_readme(self) -> str:
        return f"{self.base}/README.txt"

    @property
    def historical_readmes(self) -> str:
        """What the keys of replaced READMEs begin with; the time of the replacement follows."""
        return f"{self.readme}-"

    @property
    def items(self) -> str:
        """What the keys of items begin with; the item's identifier follows."""
        return f"{self.base}/data/"

    @property
    def fragments(self) -> str:
        return f"{self.base}/fragments/"

    @property
    def overlays(self) -> str:
        return f"{self.base}/overlays/"

    @property
    def annotations(self) -> str:
        return f"{self.base}/annotations/"

    @property
    def tags(self) -> str:
        return f"{self.base}/tags/"

    def item(self, identifier: str) -> str:
        return f"{self.items}{identifier}"

    def overlay(self, name: str) -> str:
        return f"{self.overlays}{name}.json"

    def annotation(self, name: str) -> str:
        return f"{self.annotations}{name}.json"

    def tag(self, name: str) -> str:
        return f"{self.tags}{name}"

    def fragment(self, identifier: str, name: str) -> str:
        """Where metadata of one item waits for the freeze, which makes an overlay of it."""
        return f"{self.fragments}{identifier}.{name}.json"


def json_name(key: str, folder: str) -> str:
    """The name of the overlay or annotation at ``key``. Names have dots: only the last ``.json`` goes."""
    return key.removeprefix(folder).removesuffix(".json")
