"""The URLs of the plugin."""

from indico.core.plugins import IndicoPluginBlueprint
from indico.modules.attachments.blueprint import _dispatch
from indico.modules.events import event_management_object_url_prefixes

from indico_plugin.bucket_info import RHBuckets
from indico_plugin.direct_upload.controllers import (
    AbortMixin,
    CompleteMixin,
    CreateMixin,
    DialogMixin,
    ListMixin,
    ShowMixin,
    SignPartsMixin,
    event_and_category_handlers,
)
from indico_plugin.web_modules import RHWebModule

#: Address below an object's "/attachments/direct-upload", endpoint, and what answers there.
_VIEWS = [
    (address, endpoint, _dispatch(*event_and_category_handlers(mixin)), methods)
    for address, endpoint, mixin, methods in (
        ("", "direct_upload", DialogMixin, ("GET", "POST")),
        ("/create", "direct_upload_create", CreateMixin, ("POST",)),
        ("/sign-parts", "direct_upload_sign_parts", SignPartsMixin, ("POST",)),
        ("/show", "direct_upload_show", ShowMixin, ("POST",)),
        ("/list", "direct_upload_list", ListMixin, ("POST",)),
        ("/complete", "direct_upload_complete", CompleteMixin, ("POST",)),
        ("/abort", "direct_upload_abort", AbortMixin, ("POST",)),
    )
]

blueprint = IndicoPluginBlueprint("storage_s3", __name__)
blueprint.add_url_rule("/api/plugin/s3/buckets", "buckets", RHBuckets)
blueprint.add_url_rule("/plugin/storage-s3/web/<version>/<path:path>", "web_module", RHWebModule)


def _add_direct_uploads(object_type: str, prefix: str) -> None:
    """The dialog beside Indico's own "Upload files" of an object, and the calls below it."""
    for address, endpoint, view, methods in _VIEWS:
        blueprint.add_url_rule(
            f"{prefix}/attachments/direct-upload{address}",
            endpoint,
            view,
            methods=methods,
            defaults={"object_type": object_type},
        )


for _object_type, _prefixes in event_management_object_url_prefixes.items():
    for _prefix in _prefixes:
        _add_direct_uploads(_object_type, f"/event/<int:event_id>{_prefix}")
_add_direct_uploads("category", "/category/<int:category_id>/manage")
