"""The URLs of the plugin."""

from indico.core.plugins import IndicoPluginBlueprint
from indico.modules.attachments.blueprint import _dispatch
from indico.modules.events import event_management_object_url_prefixes

from indico_plugin.bucket_info import RHBuckets
from indico_plugin.direct_upload.controllers import (
    AbortMixin,
    CompleteMixin,
    CreateMixin,
    CredentialsMixin,
    DialogMixin,
    HandOverMixin,
    ListAllMixin,
    ListMixin,
    ReplaceMixin,
    ShowMixin,
    SignPartsMixin,
    event_and_category_handlers,
)
from indico_plugin.web_modules import RHWebModule

#: Address below a "/direct-upload", endpoint, and whose answer it is.
_CALLS = (
    ("/create", "direct_upload_create", CreateMixin),
    ("/sign-parts", "direct_upload_sign_parts", SignPartsMixin),
    ("/show", "direct_upload_show", ShowMixin),
    ("/list", "direct_upload_list", ListMixin),
    ("/complete", "direct_upload_complete", CompleteMixin),
    ("/abort", "direct_upload_abort", AbortMixin),
    ("/credentials", "direct_upload_credentials", CredentialsMixin),
    ("/list-all", "direct_upload_list_all", ListAllMixin),
    ("/hand-over", "direct_upload_hand_over", HandOverMixin),
)
#: Address below an object's "/attachments", endpoint, what answers there, and methods.
_VIEWS = [
    (
        "/direct-upload",
        "direct_upload",
        _dispatch(*event_and_category_handlers(DialogMixin)),
        ("GET", "POST"),
    ),
    *(
        (f"/direct-upload{address}", endpoint, _dispatch(*event_and_category_handlers(mixin)), ("POST",))
        for address, endpoint, mixin in _CALLS
    ),
    *(
        (
            f"/<int:folder_id>/<int:attachment_id>/direct-upload{address}",
            endpoint.replace("direct_upload", "replace_file"),
            _dispatch(*event_and_category_handlers(mixin, ReplaceMixin)),
            ("POST",),
        )
        # The address that the calls are below; it answers as the last of them does.
        for address, endpoint, mixin in (*_CALLS, ("", "direct_upload", ListMixin))
    ),
]

blueprint = IndicoPluginBlueprint("storage_s3", __name__)
blueprint.add_url_rule("/api/plugin/s3/buckets", "buckets", RHBuckets)
blueprint.add_url_rule("/plugin/storage-s3/web/<version>/<path:path>", "web_module", RHWebModule)


def _add_direct_uploads(object_type: str, prefix: str) -> None:
    """The dialog beside Indico's own "Upload files" of an object, and the calls below it."""
    for address, endpoint, view, methods in _VIEWS:
        blueprint.add_url_rule(
            f"{prefix}/attachments{address}",
            endpoint,
            view,
            methods=methods,
            defaults={"object_type": object_type},
        )


for _object_type, _prefixes in event_management_object_url_prefixes.items():
    for _prefix in _prefixes:
        _add_direct_uploads(_object_type, f"/event/<int:event_id>{_prefix}")
_add_direct_uploads("category", "/category/<int:category_id>/manage")
