"""Fills a site with files of every kind, through Indico's own models, as it stores them itself.

Run in the application context of a site, with the number of materials as an argument.
"""

import io
import os
import sys
from datetime import datetime, timedelta, timezone

from indico.core.db import db
from indico.modules.attachments.models.attachments import Attachment, AttachmentFile, AttachmentType
from indico.modules.attachments.models.folders import AttachmentFolder
from indico.modules.categories import Category
from indico.modules.designer.models.images import DesignerImageFile
from indico.modules.designer.models.templates import DesignerTemplate, TemplateType
from indico.modules.events.layout.models.images import ImageFile
from indico.modules.events.models.events import Event, EventType
from indico.modules.events.papers.models.templates import PaperTemplate
from indico.modules.events.static.models.static import StaticSite, StaticSiteState
from indico.modules.files.models.files import File
from indico.modules.users import User

#: Names that people really give to files.
NAMES = ("talk.pdf", "Grüße aus Zürich.pdf", "報告書.pdf", "a b+c & 100%.csv", "no-extension")


def make_event(user: User, category: Category, title: str) -> Event:
    start = datetime(2026, 11, 21, 9, tzinfo=timezone.utc)
    return Event(
        title=title, creator=user, category=category, type_=EventType.meeting, start_dt=start,
        end_dt=start + timedelta(hours=8), timezone="UTC",
    )  # fmt: skip


def fill(count: int) -> None:
    """``count`` materials over three years, one of 12 MiB, and one file of each other kind."""
    user = User.query.filter_by(is_system=False).first() or User(
        first_name="Ada", last_name="L", email="ada@example.org"
    )
    db.session.add(user)
    db.session.flush()
    event = make_event(user, Category.get_root(), "Filled")
    db.session.add(event)
    db.session.flush()
    folder = AttachmentFolder.get_or_create_default(event)
    for number in range(count):
        size_bytes = 12 * 1024 * 1024 if number == 0 else 200 + number
        name = NAMES[number % len(NAMES)]
        attachment = Attachment(folder=folder, user=user, title=name, type=AttachmentType.file)
        attachment.file = AttachmentFile(
            user=user, filename=name, content_type="application/pdf",
            created_dt=datetime(2024 + number % 3, 6, 1, tzinfo=timezone.utc),
        )  # fmt: skip
        attachment.file.save(io.BytesIO(os.urandom(size_bytes)))
        db.session.add(attachment)
    template = DesignerTemplate(title="B", type=TemplateType.badge, event=event, data={})
    db.session.add(template)
    db.session.flush()
    with db.session.no_autoflush:
        for row in (
            ImageFile(event=event, filename="Bild ü.png", content_type="image/png"),
            PaperTemplate(event=event, name="T", filename="template.docx", content_type="application/msword"),
            DesignerImageFile(template=template, filename="badge 1.png", content_type="image/png"),
            StaticSite(event=event, creator=user, state=StaticSiteState.success, filename="offline site.zip",
                       content_type="application/zip"),
        ):  # fmt: skip
            row.save(os.urandom(300))
            db.session.add(row)
    editing = File(filename="Papier é.pdf", content_type="application/pdf", claimed=True)
    editing.save(("event", event.id, "editing"), io.BytesIO(os.urandom(400)))
    db.session.add(editing)
    pending = StaticSite(event=event, creator=user, state=StaticSiteState.pending)
    db.session.add(pending)
    db.session.commit()


fill(int(sys.argv[1]))
