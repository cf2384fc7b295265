"""Makes an event with two managers who can log in, and turns direct uploads on for one of them.

Run in the application context of a site; prints the event's id.
"""

import sys
from datetime import datetime, timedelta, timezone

from indico.core.db import db
from indico.core.plugins import plugin_engine
from indico.modules.auth.models.identities import Identity
from indico.modules.categories import Category
from indico.modules.events.models.events import Event, EventType
from indico.modules.users import User

people = {}
for name in ("manager", "colleague"):
    user = User(first_name=name.title(), last_name="Test", email=f"{name}@example.org")
    user.identities.add(Identity(provider="indico", identifier=name, password=sys.argv[1]))
    db.session.add(user)
    people[name] = user
db.session.flush()
start = datetime(2026, 11, 21, 9, tzinfo=timezone.utc)
event = Event(
    title="Workshop on large files", creator=people["manager"], category=Category.get_root(),
    type_=EventType.meeting, start_dt=start, end_dt=start + timedelta(hours=8), timezone="UTC",
)  # fmt: skip
db.session.add(event)
db.session.flush()
for user in people.values():
    event.update_principal(user, full_access=True)
plugin = plugin_engine.get_plugin("storage_s3")
with plugin.plugin_context():
    plugin.settings.set("direct_uploads", True)
    plugin.settings.acls.set("direct_upload_groups", {people["manager"]})
db.session.commit()
print(event.id)
