"""What a front end tells the doctor: one of its stores, and how it calls things."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from s3portal.portal.doctor.fixes import BucketFix, BucketFixes
from s3portal.portal.doctor.web_origin import serialised_origin
from s3portal.portal.findings import LOOK, OK, WRONG, Finding
from s3portal.transfer import Store, open_store

#: How long the store may take over one thing that it is asked, all tries together.
CALL_S = 10
#: Putting parts together, and removing what was written, may take longer.
LONG_CALL_S = 45


class Use(Enum):
    """Whether something is used, could be switched on, or is out of the question."""

    ON = "on"
    POSSIBLE = "possible"
    OFF = "off"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One store of a portal.

    ``place`` is whose findings these are; ``site_url`` is where browsers find the portal, ``host`` its name
    in role sessions. ``setting`` gives the administrator's name of a transfer setting ("s3_region"), and
    ``command`` is how the doctor is called, without its options. A store that is only read has
    ``is_written`` False; ``browser_uploads`` says whether pages send parts to it, ``browser_downloads``
    whether readers are redirected to it, and ``keys_may_meet`` whether two files can want the same key.
    ``other_sites_read`` says that scripts of every site are to read public files by the portal's links;
    ``serves_public_files`` that the bucket's policy lets everybody read a folder, so that public access to
    the bucket cannot be blocked altogether.
    ``bucket_options`` are the options by which ``s3portal bucket`` gets to the same store, as a shell reads
    them; ``fixes`` changes settings of the bucket, and None leaves the doctor without ``--apply``.
    ``names_bad_keys`` is found out: whether the store tells unknown keys from those that may not.
    """

    place: str
    store: Store
    site_url: str
    host: str
    command: str
    setting: Callable[[str], str]
    is_written: bool = True
    browser_uploads: Use = Use.ON
    browser_downloads: bool = True
    keys_may_meet: bool = False
    permissions_page: str = ""
    names_bad_keys: bool = True
    other_sites_read: bool = False
    serves_public_files: bool = False
    bucket_options: str = ""
    fixes: BucketFixes | None = None

    @property
    def origin(self) -> str:
        """What browsers call the portal's pages."""
        return serialised_origin(self.site_url)

    @property
    def is_for_browsers(self) -> bool:
        """Whether any browser goes to the store, or could be sent there."""
        return self.browser_uploads is not Use.OFF or self.browser_downloads

    @property
    def bucket_arn(self) -> str:
        return f"arn:aws:s3:::{self.store.bucket}"

    @property
    def apply_command(self) -> str:
        """The command that fixes what can be fixed without a choice."""
        return f"{self.command} --apply"

    def bucket_command(self, command: str, *arguments: str) -> str:
        """A command for this bucket, ready for a shell: ``s3portal bucket cors set files --origin …``."""
        words = ["s3portal", "bucket", *command.split(), self.store.bucket]
        options = [self.bucket_options] if self.bucket_options else []
        return " ".join([shlex.join(words), *options, *map(shlex.quote, arguments)])

    def mend_by(self, choose: Callable[[BucketFixes], BucketFix]) -> str:
        """How to change a setting of the bucket: by its command, or by the doctor itself."""
        if self.fixes is None:
            return self.apply_command
        return f"{choose(self.fixes).command}\nor: {self.apply_command}"

    def inside(self) -> Store:
        """The store as the portal itself reaches it."""
        settings = self.store.settings
        return (
            open_store(replace(settings, s3_public_endpoint=""))
            if settings.s3_public_endpoint
            else self.store
        )

    def ok(self, subject: str, text: str) -> Finding:
        return Finding(self.place, subject, OK, text)

    def look(self, subject: str, text: str, mend: str = "") -> Finding:
        return Finding(self.place, subject, LOOK, text, mend)

    def wrong(self, subject: str, text: str, mend: str) -> Finding:
        return Finding(self.place, subject, WRONG, text, mend)

    def stops_browsers(self, subject: str, text: str, mend: str) -> Finding:
        """What no upload from a browser can work with: wrong where they are switched on, and good to know
        where they could be."""
        if self.browser_uploads is Use.ON:
            return self.wrong(subject, text, mend)
        if self.browser_uploads is Use.POSSIBLE:
            return Finding(self.place, subject, OK, f"before direct uploads are switched on: {text}", mend)
        return self.look(subject, text, mend)
