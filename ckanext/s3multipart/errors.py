"""What only CKAN refuses, in the shape that the transfers' errors have."""

from dataclasses import dataclass

import ckan.plugins.toolkit as tk

from ckanext.s3multipart.wording import sentence
from s3portal.portal import protocol
from s3portal.transfer import QuotaExceeded, State, StoreError, TransferError


class NotSignedIn(TransferError):
    """CKAN does not know the caller."""

    code = "not_signed_in"
    http_status = 401
    template = "Log in to upload files, or send an API token."


class CsrfTokenMissing(TransferError):
    """A browser's cookie came without the token that shows that this site's own page made the call."""

    code = "csrf_token_missing"
    http_status = 403
    template = "The CSRF token is missing or too old. Reload the page and try again."


@dataclass(kw_only=True, eq=False, repr=False)
class MayNotEdit(TransferError):
    """The caller may not edit what the file is for."""

    code = "may_not_edit"
    http_status = 403
    template = "You may not edit the dataset %(dataset)s, so you cannot upload files to it."

    dataset: str


@dataclass(kw_only=True, eq=False, repr=False)
class OrganisationNotEnabled(TransferError):
    """The dataset's organisation is not among those that may upload."""

    code = "organisation_not_enabled"
    http_status = 403
    template = "The organization %(organisation)s may not upload large files here. Ask the administrator."

    organisation: str
    setting: str


@dataclass(kw_only=True, eq=False, repr=False)
class NoOrganisation(TransferError):
    """The dataset belongs to no organisation, and uploads are given to organisations."""

    code = "no_organisation"
    http_status = 403
    template = "The dataset %(dataset)s belongs to no organization, so files cannot be uploaded to it."

    dataset: str


@dataclass(kw_only=True, eq=False, repr=False)
class DatasetNotFound(TransferError):
    """There is no such dataset."""

    code = "dataset_not_found"
    http_status = 404
    template = "There is no dataset %(dataset)s."

    dataset: str


@dataclass(kw_only=True, eq=False, repr=False)
class ResourceNotFound(TransferError):
    """The dataset has no such resource."""

    code = "resource_not_found"
    http_status = 404
    template = "The dataset has no resource %(resource)s."

    resource: str


class DatabaseNotUpgraded(TransferError):
    """The tables of this version are not in the database."""

    code = "database_not_upgraded"
    http_status = 503
    template = (
        "Large files can be neither uploaded nor downloaded at the moment. Tell the administrator that the"
        " database has to be upgraded for s3multipart."
    )


class PortalReadOnly(TransferError):
    """The database takes no writes: the site is maintained, or runs on a standby."""

    code = "portal_read_only"
    http_status = 503
    template = "This portal is read-only at the moment, so nothing can be uploaded. Try again later."


class UploadOfAnotherDataset(TransferError):
    """The upload was made for another dataset than the one that is saved."""

    code = "upload_of_another_dataset"
    http_status = 409
    template = "This upload was made for another dataset. Upload the file to this one."


@dataclass(kw_only=True, eq=False, repr=False)
class UploadNotComplete(TransferError):
    """The upload cannot be a resource's file: it has not all parts yet, or was given up."""

    code = "upload_not_complete"
    http_status = 409
    template = "This upload is %(state)s. Only a completed upload can become the file of a resource."
    word_facts = {"state": tuple(state.value for state in State)}

    state: str


class FileUnreadable(TransferError):
    """A file was written in a way in which the portal could not give it to readers: encrypted with a key of
    the writer's own, or into an archive."""

    code = "file_unreadable"
    http_status = 422
    template = (
        "The portal cannot read this file in the store. Upload it again without your own encryption key"
        " or storage class."
    )


@dataclass(kw_only=True, eq=False, repr=False)
class TooManyFiles(TransferError):
    """More files were written under one prefix than are looked at."""

    code = "too_many_files"
    http_status = 422
    template = (
        "More than %(limit)s files were uploaded with the same credentials. Put them into an archive,"
        " such as a ZIP file."
    )

    limit: int


@dataclass(kw_only=True, eq=False, repr=False)
class QuotaFull(QuotaExceeded):
    """The file does not fit in what the organisation may store. ``reserved`` of what is used is room for
    files that are being sent now, ``deleted`` belongs to deleted datasets, ``versions`` to files that were
    replaced and are kept."""

    template = (
        "%(used)s of %(allowed)s is used (%(reserved)s for uploads in progress, %(deleted)s by deleted"
        " datasets and resources, %(versions)s by earlier versions of files), so another %(given)s does not"
        " fit. Delete files and versions that are no longer needed, or ask an administrator of the"
        " organization, who can remove the files of deleted datasets at once."
    )
    size_facts = frozenset({"used", "allowed", "given", "reserved", "deleted", "versions"})

    reserved: int
    deleted: int
    versions: int


class MayNotChangeVersions(TransferError):
    """The caller may see the resource, and not edit it."""

    code = "may_not_edit"
    http_status = 403
    template = "You may not edit this resource, so you cannot restore or remove versions of its file."


class VersionNotFound(TransferError):
    """The resource has no such version; another one may have it."""

    code = "version_not_found"
    http_status = 404
    template = "This resource has no such version of its file. It may have been removed."


class VersionIsCurrent(TransferError):
    """What was to be removed is not an earlier version."""

    code = "version_is_current"
    http_status = 409
    template = "This is the current file of the resource. Replace it or delete the resource instead."


@dataclass(kw_only=True, eq=False, repr=False)
class NotAnAdministrator(protocol.NotAnAdministrator):
    """The caller asked for what only administrators of the organisation may see or do."""

    template = "Only administrators of the organization %(organisation)s may do this."

    organisation: str


@dataclass(kw_only=True, eq=False, repr=False)
class OrganisationNotFound(TransferError):
    """There is no such organisation."""

    code = "organisation_not_found"
    http_status = 404
    template = "There is no organization %(organisation)s."

    organisation: str


class CannotTakeOver(protocol.CannotTakeOver):
    """An upload was to be handed over to a user who may not upload to its dataset."""

    template = "%(user)s may not upload to this dataset, so the upload stays with its owner."


@dataclass(kw_only=True, eq=False, repr=False)
class DatabaseOfAnotherSite(TransferError):
    """The janitor was run on a copy of another site's database."""

    code = "database_of_another_site"
    http_status = 409
    template = (
        "This database belongs to %(noted)s, but this site is %(here)s. If it is a copy, its"
        " uploads belong to %(noted)s, so nothing is removed. If the site was renamed, run"
        " `ckan s3multipart janitor --this-site`."
    )

    noted: str
    here: str


@dataclass(kw_only=True, eq=False, repr=False)
class BeingWithdrawn(TransferError):
    """A dataset cannot turn private yet: some of its files are still where everybody reaches them."""

    code = "being_withdrawn"
    http_status = 409
    template = (
        "The files of this dataset are being moved out of public reach first: %(left)s of %(files)s are left."
        " Nothing was changed. Save again in a minute."
    )

    left: int
    files: int


class CacheKeepsFiles(TransferError):
    """A dataset cannot turn private: its files may be kept by a cache that the portal cannot clear."""

    code = "cache_keeps_files"
    http_status = 409
    template = (
        "This dataset cannot be made private: its files may be kept by a cache that the portal cannot clear."
        " Ask the administrator to set ckanext.s3multipart.cloudfront_distribution."
    )


def as_ckan_error(error: TransferError) -> Exception:
    """The exception that CKAN's own callers of actions know how to handle, with the message in their
    language.

    The failures of the store and of the database stay what they are: no caller's request was wrong.
    """
    message = sentence(error)
    if isinstance(error, StoreError | DatabaseNotUpgraded | PortalReadOnly):
        return error
    if error.http_status == 404:
        return tk.ObjectNotFound(message)
    if error.http_status in (401, 403):
        return tk.NotAuthorized(message)
    return tk.ValidationError({"message": [message], "code": [error.code]})
