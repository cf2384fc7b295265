"""The heart: store, keys, part plans, presigning, session credentials, uploads, downloads.

This is the public surface; it knows no portal, and nothing of it keeps state but a ``Store`` its connections.

>>> settings = read_settings(TransferSettings, configuration, "ckanext.s3multipart.")
>>> store = open_store(settings)
>>> upload = create_upload(store, NewUpload(key=key, owner_type="dataset", owner_id=dataset_id, ...))
>>> sign_parts(store, upload, range(1, 9))
>>> complete_upload(store, upload)
"""

from s3portal.transfer.completion import complete_upload
from s3portal.transfer.disposition import content_disposition, safe_content_type
from s3portal.transfer.error_translation import error_code, is_passing
from s3portal.transfer.errors import (
    AlreadyAttached,
    BeingTakenOver,
    ContentDiffers,
    CredentialsNotConfigured,
    FileTooLarge,
    InvalidRequest,
    NotAllowed,
    ObjectGone,
    PartOutsidePlan,
    PartsMissing,
    Problem,
    QuotaExceeded,
    SettingProblem,
    SettingsError,
    SourceChanged,
    StoreBusy,
    StoreFailed,
    StoreUnavailable,
    TooManyParts,
    TransferError,
    TypeNotAllowed,
    UploadNotFound,
    UploadNotOpen,
    retry_after_s,
)
from s3portal.transfer.keys import dataset_prefix, object_key, safe_filename
from s3portal.transfer.lifecycle import (
    MAX_PARTS_A_CALL,
    abort_upload,
    create_upload,
    delete_object,
    list_parts,
    sign_parts,
)
from s3portal.transfer.new_upload import NewUpload, new_upload_id
from s3portal.transfer.object_metadata import decode_metadata, encode_metadata
from s3portal.transfer.part_plan import PartPlan, plan_parts
from s3portal.transfer.part_ranges import format_ranges, parse_ranges
from s3portal.transfer.presign import SignedPart, UrlSigner, presign_get, presign_parts
from s3portal.transfer.session_credentials import SessionCredentials, assume_upload_role, role_session_name
from s3portal.transfer.session_policy import prefix_policy, upload_policy
from s3portal.transfer.setting_kinds import (
    ARN,
    BOOLEAN,
    BYTES,
    INTEGER,
    SECONDS,
    TEXT,
    URL,
    WORDS,
    Kind,
    choice,
)
from s3portal.transfer.settings import (
    Declaration,
    declared_settings,
    read_settings,
    setting,
    unknown_settings,
)
from s3portal.transfer.sizes import format_size, parse_size
from s3portal.transfer.states import DeclaredState, ImpossibleTransition, State, Transitions
from s3portal.transfer.store import Store, open_store
from s3portal.transfer.store_gate import CALL, COMPLETE, LOOK, Lane, asking, is_away
from s3portal.transfer.stored_parts import StoredParts
from s3portal.transfer.transfer_settings import TransferSettings
from s3portal.transfer.upload import Checksum, Upload

__all__ = [
    "ARN",
    "BOOLEAN",
    "BYTES",
    "CALL",
    "COMPLETE",
    "INTEGER",
    "LOOK",
    "MAX_PARTS_A_CALL",
    "SECONDS",
    "TEXT",
    "URL",
    "WORDS",
    "AlreadyAttached",
    "BeingTakenOver",
    "Checksum",
    "ContentDiffers",
    "CredentialsNotConfigured",
    "Declaration",
    "DeclaredState",
    "FileTooLarge",
    "ImpossibleTransition",
    "InvalidRequest",
    "Kind",
    "Lane",
    "NewUpload",
    "NotAllowed",
    "ObjectGone",
    "PartOutsidePlan",
    "PartPlan",
    "PartsMissing",
    "Problem",
    "QuotaExceeded",
    "SessionCredentials",
    "SettingProblem",
    "SettingsError",
    "SignedPart",
    "SourceChanged",
    "State",
    "Store",
    "StoreBusy",
    "StoreFailed",
    "StoreUnavailable",
    "StoredParts",
    "TooManyParts",
    "TransferError",
    "TransferSettings",
    "Transitions",
    "TypeNotAllowed",
    "Upload",
    "UploadNotFound",
    "UploadNotOpen",
    "UrlSigner",
    "abort_upload",
    "asking",
    "assume_upload_role",
    "choice",
    "complete_upload",
    "content_disposition",
    "create_upload",
    "dataset_prefix",
    "declared_settings",
    "decode_metadata",
    "delete_object",
    "encode_metadata",
    "error_code",
    "format_ranges",
    "format_size",
    "is_away",
    "is_passing",
    "list_parts",
    "new_upload_id",
    "object_key",
    "open_store",
    "parse_ranges",
    "parse_size",
    "plan_parts",
    "prefix_policy",
    "presign_get",
    "presign_parts",
    "read_settings",
    "retry_after_s",
    "role_session_name",
    "safe_content_type",
    "safe_filename",
    "setting",
    "sign_parts",
    "unknown_settings",
    "upload_policy",
]
