"""The URLs of the plugin."""

from indico.core.plugins import IndicoPluginBlueprint
from indico.modules.attachments.blueprint import _dispatch
from indico.modules.events import event_management_object_url_prefixes

from indico_plugin.bucket_info import RHBuckets
from indico_plugin.direct_upload.controllers import (
    DialogMixin,
    ReplaceMixin,
    call_handlers,
    event_and_category_handlers,
)
from indico_plugin.web_modules import RHWebModule
from s3portal.portal.protocol import CALLS

#: Address below a "/direct-upload", endpoint, and the call of the protocol that answers there.
_CALLS = [(f"/{call.replace('_', '-')}", f"direct_upload_{call}", call) for call in CALLS]
#: Address below an object's "/attachments", endpoint, what answers there, and methods.
_VIEWS = [
    (
        "/direct-upload",
        "direct_upload",
        _dispatch(*event_and_category_handlers(DialogMixin)),
        ("GET", "POST"),
    ),
    *(
        (f"/direct-upload{address}", endpoint, _dispatch(*call_handlers(call)), ("POST",))
        for address, endpoint, call in _CALLS
    ),
    *(
        (
            f"/<int:folder_id>/<int:attachment_id>/direct-upload{address}",
            endpoint.replace("direct_upload", "replace_file"),
            _dispatch(*call_handlers(call, ReplaceMixin)),
            ("POST",),
        )
        # The address that the calls are below; it answers as the list of uploads does.
        for address, endpoint, call in (*_CALLS, ("", "direct_upload", "list"))
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
