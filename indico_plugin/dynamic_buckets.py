"""The storage backend ``s3-dynamic``: a bucket for each year, month or week, with a name no one can guess."""

import hashlib
import hmac
import re
from datetime import date, datetime, timedelta
from functools import partial

from dateutil.relativedelta import relativedelta
from indico.core.storage import StorageError

from indico_plugin.options import (
    MAX_BUCKET_NAME,
    MAX_DYNAMIC_NAME,
    DynamicOptions,
    entry_of,
    profile_config,
)
from indico_plugin.storage import S3StorageBase

_FORMATS = {"<year>": "%Y", "<month>": "%m", "<week>": "%W"}


def today() -> date:
    """The day that decides on the bucket, in the server's time zone."""
    return datetime.now().astimezone().date()


def expand_template(template: str, day: date) -> str:
    """The template with the day's year, month (01-12) and week (00-53, from Monday) in it."""
    for placeholder, date_format in _FORMATS.items():
        template = template.replace(placeholder, day.strftime(date_format))
    return template


def unknown_placeholder(template: str) -> str | None:
    """What looks like a placeholder and is none, and so would be in the name of a bucket."""
    rest = re.sub("|".join(_FORMATS), "", template)
    unknown = re.search("<[^>]*>?|>", rest)
    return unknown[0] if unknown else None


def dynamic_bucket_name(template: str, secret: str, day: date) -> str:
    """The bucket of a day: the expanded template and as much of an HMAC of it as a bucket's name holds.

    Names must be the same for ever: they are in the ids of stored files, also of files that the plugin stored
    which this one replaces.
    """
    name = expand_template(template, day)
    token = hmac.new(secret.encode(), name.encode(), hashlib.md5).hexdigest()
    return f"{name}-{token}"[:MAX_BUCKET_NAME]


def bucket_names_ahead(template: str, secret: str, day: date) -> list[str]:
    """The buckets from this day on that should be there already: a week ahead where the name changes weekly,
    else a month. Every day counts, since in the days around New Year a week can belong to two names.
    """
    last_day = day + (timedelta(weeks=1) if "<week>" in template else relativedelta(months=1))
    days = (day + timedelta(days=offset) for offset in range((last_day - day).days + 1))
    return list(dict.fromkeys(dynamic_bucket_name(template, secret, each) for each in days))


class DynamicS3Storage(S3StorageBase):
    """A bucket for each period; a file's id is ``<bucket>//<key>``, so old files stay where they are."""

    name = "s3-dynamic"
    options_class = DynamicOptions
    needs_secret = True

    def __init__(self, data):
        super().__init__(data)
        if problem := self._problem():
            raise StorageError(f"{entry_of(data)}: {problem}")

    def _problem(self) -> str | None:
        """What cannot work, and no single option is to blame for."""
        if not re.search("|".join(_FORMATS), self.bucket_name_template):
            return "bucket_template has no placeholder: <year>, <month> or <week>"
        name = expand_template(self.bucket_name_template, today())
        if unknown := unknown_placeholder(name):
            return f"bucket_template has {unknown}; placeholders are <year>, <month> and <week>"
        if len(name) > MAX_DYNAMIC_NAME:
            return (
                f"bucket_template makes names of more than {MAX_DYNAMIC_NAME} characters,"
                " which leaves no room for 16 of the hash"
            )
        if self.needs_secret and not self.bucket_secret:
            return "bucket_secret is missing: set it there, or as indico_bucket_secret in ~/.aws/credentials"
        return None

    @property
    def bucket_name_template(self) -> str:
        """The template of the buckets' names."""
        return self.options.bucket_template

    @property
    def bucket_secret(self) -> str:
        """The secret behind the names; ``indico_bucket_secret`` of the AWS profile where the options have
        none.
        """
        return self.options.bucket_secret or profile_config(self.options).get("indico_bucket_secret", "")

    def bucket_for(self, day: date) -> str:
        """The bucket of a day."""
        return dynamic_bucket_name(self.bucket_name_template, self.bucket_secret, day)

    @property
    def write_refusal(self):
        # indico-plugin-storage-s3 refuses it too, but only in the task that makes buckets ahead.
        if "<year>" in self.bucket_name_template:
            return None
        return (
            "bucket_template has no <year>: next year's files would go into this year's buckets again."
            " Add a backend with <year> in its template for new files, and make this one s3-dynamic-readonly"
        )

    def wanted_buckets(self):
        self.require_writable()
        return bucket_names_ahead(self.bucket_name_template, self.bucket_secret, today())

    def current_bucket(self):
        self.require_writable()
        return self.bucket_for(today())

    def has_bucket(self, bucket):
        pattern = re.sub(r"<(year|month|week)>", r"\\d+", re.escape(self.bucket_name_template))
        return re.match(pattern, bucket) is not None

    def locate(self, file_id):
        bucket, separator, key = file_id.partition("//")
        if not separator:
            raise StorageError(f'"{file_id}" is not the id of a file in a dynamic bucket: it has no //')
        return bucket, key

    def file_id(self, bucket, key):
        return f"{bucket}//{key}"

    def bucket_maker(self, bucket):
        # The task that makes buckets ahead may not have run when a new year begins.
        return partial(self.make_bucket, bucket)

    def __repr__(self):
        return f"<{type(self).__name__}: {self.bucket_name_template}>"
