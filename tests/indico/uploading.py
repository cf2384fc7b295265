"""What tests of direct uploads have in common: an event with people, and the steps of an upload."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import requests
from indico.core.db import db
from indico.modules.attachments.models.attachments import Attachment
from indico.modules.categories import Category
from indico.modules.events.models.events import Event, EventType
from indico.modules.users import User

MIB = 1024 * 1024


@dataclass(frozen=True)
class World:
    """A category with an event, the manager of both, somebody else, and the plugin's settings."""

    event: Event
    category: Category
    manager: User
    stranger: User
    settings: Any

    @property
    def event_url(self) -> str:
        return f"/event/{self.event.id}/manage/attachments/direct-upload"

    @property
    def category_url(self) -> str:
        return f"/category/{self.category.id}/manage/attachments/direct-upload"


@contextmanager
def world_with_direct_uploads() -> Iterator[World]:
    """In an application context; the settings are as they were after."""
    from indico_plugin.plugin import S3StoragePlugin

    with S3StoragePlugin.instance.plugin_context():
        S3StoragePlugin.settings.set("direct_uploads", True)
        number = User.query.count()
        manager = User(first_name="Mona", last_name="M", email=f"manager{number}@example.org")
        stranger = User(first_name="Sam", last_name="S", email=f"stranger{number}@example.org")
        category = Category(title="Physics", parent=Category.get_root())
        start = datetime(2026, 11, 21, 9, tzinfo=timezone.utc)
        event = Event(
            title="Workshop", creator=manager, category=category, type_=EventType.meeting, start_dt=start,
            end_dt=start + timedelta(hours=8), timezone="UTC",
        )  # fmt: skip
        db.session.add_all([manager, stranger, category, event])
        db.session.flush()
        event.update_principal(manager, full_access=True)
        category.update_principal(manager, full_access=True)
        db.session.commit()
        yield World(event, category, manager, stranger, S3StoragePlugin.settings)
        db.session.rollback()
        S3StoragePlugin.settings.delete_all()
        db.session.commit()


def describe(name, size_bytes, **more):
    return {"filename": name, "size": size_bytes, "content_type": "", "fingerprint": "f", **more}


def put_parts(created, content):
    upload = created["upload"]
    for part in created["parts"]:
        start = (part["part_number"] - 1) * upload["part_size"]
        body = content[start : start + upload["part_size"]]
        answer = requests.put(part["url"], data=body, headers=part["headers"], timeout=120)
        assert answer.status_code == 200, answer.text


def uploaded(caller, url, name, content):
    """The id of a completed upload."""
    created = caller.post(f"{url}/create", describe(name, len(content))).json
    put_parts(created, content)
    completed = caller.post(f"{url}/complete", {"id": created["upload"]["id"]})
    assert completed.status_code == 200, completed.json
    assert completed.json["state"] == "completed"
    return created["upload"]["id"]


def newest_attachment():
    db.session.rollback()
    db.session.expire_all()
    return Attachment.query.order_by(Attachment.id.desc()).first()


def saved(caller, url, name, content):
    """Uploads a file and saves the dialog with it."""
    answer = caller.form(url, s3multipart_upload_id=uploaded(caller, url, name, content))
    assert answer.json["success"], answer.json


def forget_what_was_asked():
    """As if a minute had passed: the store is asked again whether an object is there."""
    from indico_plugin import lost_files

    lost_files._cache.cache.clear()
