"""The plugin itself: its settings, and where it hooks into Indico."""

from flask import session
from flask_pluginengine import render_plugin_template
from indico.core import signals
from indico.core.plugins import IndicoPlugin, url_for_plugin
from indico.modules.attachments.forms import EditAttachmentFileForm
from indico.web.forms.base import IndicoForm
from indico.web.forms.fields import IndicoPasswordField, MultipleItemsField, PrincipalListField
from indico.web.forms.validators import HiddenUnless
from indico.web.forms.widgets import SwitchWidget
from markupsafe import Markup
from wtforms.fields import BooleanField, StringField
from wtforms.validators import DataRequired, ValidationError

from indico_plugin import _
from indico_plugin.blueprint import blueprint
from indico_plugin.cli import s3_commands
from indico_plugin.direct_upload.attach import start_waiting_tasks
from indico_plugin.direct_upload.cors import open_new_bucket
from indico_plugin.direct_upload.permission import attachment_storage, may_upload_directly
from indico_plugin.direct_upload.replacing import replace_on_save, replacement_field
from indico_plugin.direct_upload.table import UPGRADE_COMMAND, table_is_current
from indico_plugin.dynamic_buckets import DynamicS3Storage
from indico_plugin.plugin_settings import ACLS, DEFAULTS
from indico_plugin.readonly import ReadOnlyDynamicS3Storage, ReadOnlyS3Storage
from indico_plugin.storage import S3Storage, bucket_made


class SettingsForm(IndicoForm):
    """The page of the plugin in Indico's administration."""

    bucket_info_enabled = BooleanField(_("Bucket info API"), widget=SwitchWidget())
    username = StringField(
        _("Username"),
        [HiddenUnless("bucket_info_enabled", preserve_data=True), DataRequired()],
        description=_("The username to access the S3 bucket info endpoint"),
    )
    password = IndicoPasswordField(
        _("Password"),
        [HiddenUnless("bucket_info_enabled", preserve_data=True), DataRequired()],
        toggle=True,
        description=_("The password to access the S3 bucket info endpoint"),
    )

    direct_uploads = BooleanField(
        _("Direct uploads"),
        widget=SwitchWidget(),
        description=_("Managers can upload large materials straight from the browser to S3."),
    )
    direct_upload_categories = MultipleItemsField(
        _("Categories"),
        [HiddenUnless("direct_uploads", preserve_data=True)],
        fields=[{"id": "id", "caption": _("Category ID"), "required": True, "type": "number", "coerce": int}],
        unique_field="id",
        description=_(
            "Direct uploads are available in these categories and everything in them. If the list is empty,"
            " they are available everywhere."
        ),
    )
    direct_upload_groups = PrincipalListField(
        _("Users and groups"),
        [HiddenUnless("direct_uploads", preserve_data=True)],
        allow_groups=True,
        description=_("Only these managers may upload directly. If the list is empty, all managers may."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        url = Markup("<strong><code>{}</code></strong>").format(url_for_plugin("storage_s3.buckets"))
        self.bucket_info_enabled.description = _(
            "An API at {url} that lists the S3 buckets in use, including those with dynamic names."
        ).format(url=url)

    def validate_direct_uploads(self, field):
        if field.data and attachment_storage() is None:
            raise ValidationError(
                _("ATTACHMENT_STORAGE in indico.conf is not an S3 backend that can be written to.")
            )
        if field.data and not table_is_current():
            raise ValidationError(_("First run: {command}").format(command=UPGRADE_COMMAND))


class S3StoragePlugin(IndicoPlugin):
    """S3 Storage

    Stores files on S3, and lets managers upload straight from the browser to it.
    """

    configurable = True
    settings_form = SettingsForm
    default_settings = DEFAULTS
    acl_settings = ACLS

    def init(self):
        super().init()
        self.connect(signals.core.get_storage_backends, self._storage_backends)
        self.connect(signals.core.import_tasks, self._import_tasks)
        self.connect(signals.core.after_commit, start_waiting_tasks)
        self.connect(signals.plugin.cli, self._cli)
        self.connect(bucket_made, open_new_bucket)
        self.template_hook("attachment-sources", self._direct_upload_button)
        self.connect(signals.core.add_form_fields, replacement_field, sender=EditAttachmentFileForm)
        self.connect(signals.core.form_validated, replace_on_save)

    def get_blueprints(self):
        return blueprint

    def _storage_backends(self, sender, **kwargs):
        # Indico takes several values from a generator only.
        yield from (S3Storage, DynamicS3Storage, ReadOnlyS3Storage, ReadOnlyDynamicS3Storage)

    def _import_tasks(self, sender, **kwargs):
        import indico_plugin.tasks  # noqa: F401 (importing registers them)

    def _direct_upload_button(self, linked_object, **kwargs):
        """The button beside "Upload files", for those who may."""
        if may_upload_directly(linked_object, session.user):
            return render_plugin_template("button.html", linked_object=linked_object)
        return None

    def _cli(self, sender, **kwargs):
        return s3_commands
