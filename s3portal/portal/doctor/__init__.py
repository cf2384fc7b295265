"""The doctor of all portals: whether files can go into a store and out again, tried as a browser does it.

A front end describes each of its stores by a ``Case``, shows the findings, and adds what only it knows.
"""

from s3portal.portal.doctor.bucket_names import impossible_bucket_name
from s3portal.portal.doctor.case import Case, Use
from s3portal.portal.doctor.causes import Cause, cause_of_library
from s3portal.portal.doctor.cors_rules import with_portal_rule, with_readers_rule
from s3portal.portal.doctor.examination import examine_store
from s3portal.portal.doctor.fixes import BucketFix, BucketFixes, FixRefused
from s3portal.portal.doctor.lifecycle import examine_unfinished
from s3portal.portal.doctor.lifecycle_rules import days_of, threats, with_aborting_rule
from s3portal.portal.doctor.public_access import ACL_BLOCKS, POLICY_BLOCKS
from s3portal.portal.doctor.reach import names_bad_keys
from s3portal.portal.doctor.role import caller_of
from s3portal.portal.doctor.site_policies import SiteDocument, site_documents
from s3portal.portal.doctor.stored_files import (
    MOST_FILES,
    FileProblem,
    RecordedFile,
    examine_files,
    problem_of_file,
)
from s3portal.portal.doctor.web_origin import serialised_origin

__all__ = [
    "ACL_BLOCKS",
    "MOST_FILES",
    "POLICY_BLOCKS",
    "BucketFix",
    "BucketFixes",
    "Case",
    "Cause",
    "FileProblem",
    "FixRefused",
    "RecordedFile",
    "SiteDocument",
    "Use",
    "caller_of",
    "cause_of_library",
    "days_of",
    "examine_files",
    "examine_store",
    "examine_unfinished",
    "impossible_bucket_name",
    "names_bad_keys",
    "problem_of_file",
    "serialised_origin",
    "site_documents",
    "threats",
    "with_aborting_rule",
    "with_portal_rule",
    "with_readers_rule",
]
