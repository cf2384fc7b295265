"""The bucket info API: which buckets are in use, for backup scripts and the like.

``GET /api/plugin/s3/buckets`` with the user name and password of the plugin's settings; 404 while it is off.
"""

import hmac

from flask import current_app, jsonify, request
from indico.core.db import db
from indico.core.storage import StoredFileMixin
from indico.core.storage.backend import ReadOnlyStorageMixin
from indico.web.rh import RH
from werkzeug.exceptions import NotFound, Unauthorized

from indico_plugin.backends import usable_backends
from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.plugin_settings import settings
from indico_plugin.storage import S3StorageBase


class RHBuckets(RH):
    """What the S3 backends of this site are, and their buckets."""

    def _check_access(self):
        if not settings.get("bucket_info_enabled"):
            raise NotFound
        given = request.authorization
        if given is None or not _same_login(given, settings.get("username"), settings.get("password")):
            challenge = {"WWW-Authenticate": 'Basic realm="Indico - S3 Buckets"'}
            raise Unauthorized(response=current_app.response_class("Authorization required", 401, challenge))

    def _process(self):
        return jsonify(
            {
                name: describe_backend(name, storage)
                for name, storage in usable_backends()
                if isinstance(storage, S3StorageBase)
            }
        )


def describe_backend(name: str, storage: S3StorageBase) -> dict:
    """One backend as the API shows it. Of a dynamic one the buckets that files are in."""
    description = {"readonly": isinstance(storage, ReadOnlyStorageMixin), "meta": storage.meta}
    if isinstance(storage, DynamicS3Storage):
        return {
            **description,
            "dynamic": True,
            "template": storage.bucket_name_template,
            "buckets": sorted(buckets_with_files(name)),
        }
    return {**description, "dynamic": False, "bucket": storage.bucket_name}


def buckets_with_files(backend_name: str) -> set[str]:
    """The buckets in the file ids of a dynamic backend, in every table that knows stored files."""
    buckets: set[str] = set()
    for model in StoredFileMixin.__subclasses__():
        bucket = db.func.split_part(model.storage_file_id, "//", 1).label("bucket")
        rows = (
            db.session.query(bucket)
            .filter(model.storage_backend == backend_name, model.storage_file_id.isnot(None))
            .distinct()
        )
        buckets.update(name for (name,) in rows)
    return buckets


def _same_login(given, username: str, password: str) -> bool:
    """Whether this is the login, in a time that tells nothing about how much of it was right."""
    same_name = hmac.compare_digest((given.username or "").encode(), username.encode())
    same_password = hmac.compare_digest((given.password or "").encode(), password.encode())
    return bool(password) and same_name and same_password
