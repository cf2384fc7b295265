"""Where things are, under the names by which dtoolcore and programs written for dtool-s3 ask the broker."""

from functools import cached_property
from typing import Any

from s3portal.dtool.keys import registration_key
from s3portal.dtool.place import DatasetPlace
from s3portal.dtool.settings import cache_directory
from s3portal.transfer import Store


class StockNames:
    """Keys and what they begin with, and boto3's clients of the bucket."""

    bucket: str
    uuid: str
    _config_path: str | None
    _place: DatasetPlace
    _structure_parameters: dict[str, str]

    @property
    def _store(self) -> Store:
        raise NotImplementedError

    @property
    def dataset_registration_key(self) -> str:
        return registration_key(self.uuid)

    def get_admin_metadata_key(self) -> str:
        return self._place.keys.admin_metadata

    def get_readme_key(self) -> str:
        return self._place.keys.readme

    def get_manifest_key(self) -> str:
        return self._place.keys.manifest

    def get_structure_key(self) -> str:
        return self._place.keys.structure

    def get_dtool_readme_key(self) -> str:
        return self._place.keys.dtool_readme

    def get_overlay_key(self, overlay_name: str) -> str:
        return self._place.keys.overlay(overlay_name)

    def get_annotation_key(self, annotation_name: str) -> str:
        return self._place.keys.annotation(annotation_name)

    def get_tag_key(self, tag: str) -> str:
        return self._place.keys.tag(tag)

    @property
    def dataset_prefix(self) -> str | None:
        """The configured prefix; None where none is."""
        return self._place.own_prefix or None

    @property
    def data_key_prefix(self) -> str:
        return self._place.keys.items

    @property
    def fragments_key_prefix(self) -> str:
        return self._place.keys.fragments

    @property
    def overlays_key_prefix(self) -> str:
        return self._place.keys.overlays

    @property
    def annotations_key_prefix(self) -> str:
        return self._place.keys.annotations

    @property
    def tags_key_prefix(self) -> str:
        return self._place.keys.tags

    @property
    def http_manifest_key(self) -> str:
        return self._place.keys.http_manifest

    @property
    def s3client(self) -> Any:
        """boto3's client of the bucket's store."""
        return self._store.client()

    @cached_property
    def s3resource(self) -> Any:
        """boto3's resource of the bucket's store."""
        client = self._store.client()
        config, endpoint = client.meta.config, self._store.settings.s3_endpoint or None
        return self._store.session().resource("s3", endpoint_url=endpoint, config=config)

    def _get_prefix(self) -> str:
        return self._place.keys.prefix

    def _generate_key(self, structure_dict_key: str) -> str:
        return f"{self._place.keys.base}/{self._structure_parameters[structure_dict_key]}"

    def _generate_key_prefix(self, structure_dict_key: str) -> str:
        return f"{self._generate_key(structure_dict_key)}/"

    @property
    def _s3_cache_abspath(self) -> str:
        return str(cache_directory(self._config_path))
