"""The heart: store, keys, part plans, presigning, session credentials, uploads, downloads.

This is the public surface: all other rooms import from here, and import-linter sees to it. It knows no
portal, and nothing of it keeps state, apart from the connections that a ``Store`` keeps open.

>>> settings = read_settings(TransferSettings, configuration, "ckanext.s3multipart.")
>>> store = open_store(settings)
>>> upload = create_upload(store, NewUpload(key=key, owner_type="dataset", owner_id=dataset_id, ...))
>>> sign_parts(store, upload, range(1, 9))
>>> complete_upload(store, upload)
"""

from s3portal.transfer.checksum_trial import CHECKSUM_AUTO, CHECKSUM_OFF, checksum_algorithm, checksum_support
from s3portal.transfer.checksums import CRC64NVME, CRCS, MD5
from s3portal.transfer.completion import complete_upload
from s3portal.transfer.cors import (
    EXPOSED_TO_READERS,
    HEADERS_OF_READERS,
    cors_rule,
    lets_in,
    read_cors_rules,
    readers_rule,
)
from s3portal.transfer.deadlines import deadline, time_left_s
from s3portal.transfer.disposition import (
    INERT_TYPE,
    content_disposition,
    is_active_type,
    is_content_type,
    safe_content_type,
)
from s3portal.transfer.encryption import ENCRYPTION, encryption_arguments
from s3portal.transfer.error_translation import error_code, is_passing, says_no_upload, store_errors
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
    SourceChanged,
    TooManyParts,
    TypeNotAllowed,
    UploadNotFound,
    UploadNotOpen,
    retry_after_s,
)
from s3portal.transfer.file_format import format_of
from s3portal.transfer.keys import (
    NAMELESS,
    KeyIds,
    dataset_prefix,
    ids_of_key,
    key_in_folder,
    object_key,
    safe_filename,
)
from s3portal.transfer.lifecycle import (
    MAX_PARTS_A_CALL,
    abort_upload,
    begin_upload,
    create_upload,
    delete_object,
    list_parts,
    plan_upload,
    sign_parts,
)
from s3portal.transfer.multipart_listing import (
    NOT_LISTED_CODES,
    ListedUpload,
    abort_listed,
    list_uploads,
    stored_bytes,
)
from s3portal.transfer.new_upload import NewUpload, new_upload_id
from s3portal.transfer.object_copy import CopySource, copy_step
from s3portal.transfer.object_metadata import decode_metadata, encode_metadata
from s3portal.transfer.object_stream import read_object
from s3portal.transfer.part_plan import MAX_PART_SIZE_BYTES, PartPlan, plan_parts
from s3portal.transfer.part_ranges import format_ranges, parse_ranges
from s3portal.transfer.part_sources import (
    Content,
    FileShrank,
    FileSource,
    PartSource,
    PathSource,
    StreamSource,
)
from s3portal.transfer.parts_etag import PartsEtag
from s3portal.transfer.parts_only import keeps_to_parts
from s3portal.transfer.presign import (
    SignedPart,
    UrlSigner,
    bucket_address,
    encoded_key,
    object_url,
    presign_distance,
    presign_get,
    presign_parts,
)
from s3portal.transfer.resuming_body import FRUITLESS_TRIES, Body, BrokenOff, ResumingBody, broken_off
from s3portal.transfer.retry import Failure, RetryPolicy, decide, is_expired, parse_retry_after
from s3portal.transfer.seekable import SeekableObject
from s3portal.transfer.sending import (
    PARTS_AT_A_TIME,
    Part,
    SendingCancelled,
    SentParts,
    StoredBefore,
    send_parts,
)
from s3portal.transfer.session_credentials import SessionCredentials, assume_upload_role, role_session_name
from s3portal.transfer.session_policy import UPLOAD_ACTIONS, prefix_policy, upload_policy
from s3portal.transfer.setting_errors import SettingProblem, SettingsError
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
    most_alike,
)
from s3portal.transfer.settings import (
    Declaration,
    declared_settings,
    read_settings,
    setting,
    unknown_settings,
)
from s3portal.transfer.signing_keys import SigningKeys
from s3portal.transfer.sizes import GIB, MIB, format_size, parse_size
from s3portal.transfer.states import DeclaredState, ImpossibleTransition, State, Transitions
from s3portal.transfer.store import Store, open_store
from s3portal.transfer.store_failures import (
    StoreBusy,
    StoreError,
    StoreFailed,
    StoreMisconfigured,
    StoreUnavailable,
)
from s3portal.transfer.store_gate import CALL, COMPLETE, LOOK, Lane, StoreGate, asking, is_away
from s3portal.transfer.store_knowledge import KnownAnswer
from s3portal.transfer.stored_object import StoredObject, look_at, require_stored, require_unchanged
from s3portal.transfer.stored_parts import StoredParts
from s3portal.transfer.transfer_error import Fact, TransferError
from s3portal.transfer.transfer_settings import TransferSettings
from s3portal.transfer.upload import Checksum, Upload
from s3portal.transfer.workers import Workers, in_parallel
from s3portal.transfer.written_objects import (
    MAX_KEYS_A_PAGE,
    WrittenObject,
    abort_uploads,
    list_page,
    remove_unkept,
)

__all__ = [
    "ARN",
    "BOOLEAN",
    "BYTES",
    "CALL",
    "CHECKSUM_AUTO",
    "CHECKSUM_OFF",
    "COMPLETE",
    "CRC64NVME",
    "CRCS",
    "ENCRYPTION",
    "EXPOSED_TO_READERS",
    "FRUITLESS_TRIES",
    "GIB",
    "HEADERS_OF_READERS",
    "INERT_TYPE",
    "INTEGER",
    "LOOK",
    "MAX_KEYS_A_PAGE",
    "MAX_PARTS_A_CALL",
    "MAX_PART_SIZE_BYTES",
    "MD5",
    "MIB",
    "NAMELESS",
    "NOT_LISTED_CODES",
    "PARTS_AT_A_TIME",
    "SECONDS",
    "TEXT",
    "UPLOAD_ACTIONS",
    "URL",
    "WORDS",
    "AlreadyAttached",
    "BeingTakenOver",
    "Body",
    "BrokenOff",
    "Checksum",
    "Content",
    "ContentDiffers",
    "CopySource",
    "CredentialsNotConfigured",
    "Declaration",
    "DeclaredState",
    "Fact",
    "Failure",
    "FileShrank",
    "FileSource",
    "FileTooLarge",
    "ImpossibleTransition",
    "InvalidRequest",
    "KeyIds",
    "Kind",
    "KnownAnswer",
    "Lane",
    "ListedUpload",
    "NewUpload",
    "NotAllowed",
    "ObjectGone",
    "Part",
    "PartOutsidePlan",
    "PartPlan",
    "PartSource",
    "PartsEtag",
    "PartsMissing",
    "PathSource",
    "Problem",
    "QuotaExceeded",
    "ResumingBody",
    "RetryPolicy",
    "SeekableObject",
    "SendingCancelled",
    "SentParts",
    "SessionCredentials",
    "SettingProblem",
    "SettingsError",
    "SignedPart",
    "SigningKeys",
    "SourceChanged",
    "State",
    "Store",
    "StoreBusy",
    "StoreError",
    "StoreFailed",
    "StoreGate",
    "StoreMisconfigured",
    "StoreUnavailable",
    "StoredBefore",
    "StoredObject",
    "StoredParts",
    "StreamSource",
    "TooManyParts",
    "TransferError",
    "TransferSettings",
    "Transitions",
    "TypeNotAllowed",
    "Upload",
    "UploadNotFound",
    "UploadNotOpen",
    "UrlSigner",
    "Workers",
    "WrittenObject",
    "abort_listed",
    "abort_upload",
    "abort_uploads",
    "asking",
    "assume_upload_role",
    "begin_upload",
    "broken_off",
    "bucket_address",
    "checksum_algorithm",
    "checksum_support",
    "choice",
    "complete_upload",
    "content_disposition",
    "copy_step",
    "cors_rule",
    "create_upload",
    "dataset_prefix",
    "deadline",
    "decide",
    "declared_settings",
    "decode_metadata",
    "delete_object",
    "encode_metadata",
    "encoded_key",
    "encryption_arguments",
    "error_code",
    "format_of",
    "format_ranges",
    "format_size",
    "ids_of_key",
    "in_parallel",
    "is_active_type",
    "is_away",
    "is_content_type",
    "is_expired",
    "is_passing",
    "keeps_to_parts",
    "key_in_folder",
    "lets_in",
    "list_page",
    "list_parts",
    "list_uploads",
    "look_at",
    "most_alike",
    "new_upload_id",
    "object_key",
    "object_url",
    "open_store",
    "parse_ranges",
    "parse_retry_after",
    "parse_size",
    "plan_parts",
    "plan_upload",
    "prefix_policy",
    "presign_distance",
    "presign_get",
    "presign_parts",
    "read_cors_rules",
    "read_object",
    "read_settings",
    "readers_rule",
    "remove_unkept",
    "require_stored",
    "require_unchanged",
    "retry_after_s",
    "role_session_name",
    "safe_content_type",
    "safe_filename",
    "says_no_upload",
    "send_parts",
    "setting",
    "sign_parts",
    "store_errors",
    "stored_bytes",
    "time_left_s",
    "unknown_settings",
    "upload_policy",
]
