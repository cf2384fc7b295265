"""The plugin: which of CKAN's interfaces the extension takes part in, and nothing else."""

from typing import Any

import ckan.plugins as p
import ckan.plugins.toolkit as tk
from ckan.lib.plugins import DefaultTranslation

from ckanext.s3multipart import cli, helpers, refusal, schema, settings, web_modules
from ckanext.s3multipart.downloads import auth as downloads_auth
from ckanext.s3multipart.downloads import visibility
from ckanext.s3multipart.downloads.download import dataset_types, download_blueprint
from ckanext.s3multipart.downloads.file_list import file_list
from ckanext.s3multipart.moving import compat
from ckanext.s3multipart.moving.old_links import old_links_blueprint
from ckanext.s3multipart.outbox import delivering
from ckanext.s3multipart.statistics import actions as statistics_actions
from ckanext.s3multipart.statistics import auth as statistics_auth
from ckanext.s3multipart.statistics import pages as statistics_pages
from ckanext.s3multipart.statistics import robots, shown
from ckanext.s3multipart.upkeep import metrics
from ckanext.s3multipart.uploads import (
    actions,
    activity,
    administration,
    attach,
    distance,
    overview,
    removal,
    upload_pages,
    uploader,
    version_actions,
    version_auth,
    version_pages,
)
from ckanext.s3multipart.uploads import auth as uploads_auth
from s3portal.portal.web import web_folder


@tk.blanket.config_declarations
class S3MultipartPlugin(p.SingletonPlugin, DefaultTranslation):
    """Huge files into CKAN and out again, straight between the browser and S3."""

    p.implements(p.IConfigurer)
    p.implements(p.IConfigurable)
    p.implements(p.IActions)
    p.implements(p.IAuthFunctions)
    p.implements(p.IUploader, inherit=True)
    p.implements(p.IDomainObjectModification)
    p.implements(p.IBlueprint)
    p.implements(p.ITemplateHelpers)
    p.implements(p.IClick)
    p.implements(p.ITranslation)

    def update_config(self, config: Any) -> None:
        """IConfigurer: templates, those that all front ends share included, and the script that loads the
        uploader."""
        tk.add_template_directory(config, str(web_folder("templates")))
        for room in ("uploads", "downloads", "statistics"):
            tk.add_template_directory(config, f"{room}/templates")
        tk.add_resource("assets", "s3multipart")
        web_modules.register_style()

    def configure(self, config: Any) -> None:
        """IConfigurable: a setting that cannot be used is found now, and not at the first upload."""
        settings.check_settings(config)
        delivering.listen_to_commits()
        removal.listen_to_transactions()
        visibility.listen_to_changes()
        schema.warn_if_outdated()
        robots.warn_without_list()
        activity.register_types()
        metrics.prepare()

    def get_actions(self) -> dict[str, Any]:
        """IActions"""
        chained = {**attach.chained_actions(), **visibility.chained_actions()}
        own = {**actions.actions(), **administration.actions(), "s3multipart_file_list": file_list}
        own.update(overview.actions())
        own.update(statistics_actions.actions())
        own.update(version_actions.actions())
        return {**own, **chained}

    def get_auth_functions(self) -> dict[str, Any]:
        """IAuthFunctions"""
        return {
            **uploads_auth.auth_functions(),
            **downloads_auth.auth_functions(),
            **statistics_auth.auth_functions(),
            **version_auth.auth_functions(),
        }

    def get_resource_uploader(self, resource: dict[str, Any]) -> Any:
        """IUploader"""
        return uploader.resource_uploader(resource) if schema.is_current() else None

    def notify(self, entity: Any, operation: str) -> None:
        """IDomainObjectModification"""
        if schema.is_current():
            activity.note_change(entity, operation)
            removal.mark_unused_files(entity, operation)

    def get_blueprint(self) -> list[Any]:
        """IBlueprint"""
        return [
            download_blueprint(),
            old_links_blueprint(dataset_types()),
            refusal.blueprint,
            distance.blueprint,
            compat.blueprint,
            web_modules.blueprint,
            upload_pages.blueprint,
            statistics_pages.blueprint,
            metrics.blueprint,
            version_pages.blueprint,
        ]

    def get_helpers(self) -> dict[str, Any]:
        """ITemplateHelpers"""
        has_uploads = upload_pages.s3multipart_has_unfinished_uploads
        own = {**helpers.helpers(), has_uploads.__name__: has_uploads, **shown.helpers()}
        own[version_pages.s3multipart_versions.__name__] = version_pages.s3multipart_versions
        return {**own, **compat.helpers()}

    def get_commands(self) -> list[Any]:
        """IClick"""
        return [cli.s3multipart]
