"""Indico for the contract suite of the upload protocol: a category with two events and their people."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from caller import Caller
from contract_portal import Answer, Person, PortalInTest
from indico.core.db import db
from indico.core.storage.backend import get_storage
from indico.modules.events.models.events import Event, EventType
from indico.modules.users import User
from killed import ended, forked
from uploading import World
from werkzeug.datastructures import ImmutableDict

from indico_plugin.models.uploads import DirectUpload

MIB = 1024 * 1024


class IndicoInTest(PortalInTest):
    """Owners are the addresses of two events' direct uploads."""

    #: Without a session there is no token to send, and that is what Indico refuses first.
    anonymous_status = 400
    names_owner = False

    def __init__(self, app: Any, world: World, monkeypatch: Any) -> None:
        self._app, self._monkeypatch = app, monkeypatch
        colleague, administrator, other = _user("colleague"), _user("administrator"), _event(world)
        for event in (world.event, other):
            event.update_principal(world.manager, full_access=True)
            event.update_principal(colleague, full_access=True)
        world.category.update_principal(administrator, full_access=True)
        db.session.commit()
        self.owner, self.other_owner = world.event_url, _url(other)
        self.prefixes = (f"event/{world.event.id}/", f"event/{other.id}/")
        manager = Caller(app, world.manager)
        self._manager = manager
        self.publisher = self._person(manager)
        self.colleague = self._person(Caller(app, colleague))
        self.colleague_name, self.stranger_name = str(colleague.id), world.stranger.email
        self.stranger = self._person(Caller(app, world.stranger))
        self.administrator = self._person(Caller(app, administrator))
        self.anonymous = self._person(Caller(app, None))
        self.store = get_storage("s3").store("indico-files")
        self.forget_failures()

    def limit_size(self, size_bytes: int) -> None:
        limit = {"MAX_UPLOAD_FILE_SIZE": size_bytes // MIB, "MAX_UPLOAD_FILES_TOTAL_SIZE": size_bytes // MIB}
        self._monkeypatch.setitem(
            self._app.config, "INDICO", ImmutableDict({**self._app.config["INDICO"], **limit})
        )

    def without_role(self) -> None:
        """Indico has none."""

    def attach(self, upload_id: str) -> None:
        saved = self._manager.form(self.owner, s3multipart_upload_id=upload_id)
        assert saved.json["success"], saved.json

    def expire(self, upload_id: str) -> None:
        past = datetime.now(timezone.utc) - timedelta(seconds=1)
        DirectUpload.query.filter_by(id=upload_id).update({"expires_at": past})
        db.session.commit()

    def killed(self, moment: str, operation: str, call: Callable[[], object]) -> None:
        process = forked(call, self.store, _forget_connections, (moment, operation))
        assert ended(process) == "killed", f"no {operation} was sent"

    def _person(self, caller: Caller) -> Person:
        """The caller as the contract has them: a call is about the owner that its address names."""

        def call(name: str, *, owner: str = "", **asked: Any) -> Answer:
            url = f"{owner or self.owner}/{name.replace('_', '-')}"
            with self._app.app_context():
                response = caller.post(url, asked)
            return Answer(response.status_code, response.get_json(silent=True))

        return call


def _forget_connections() -> None:
    db.session.remove()
    db.engine.dispose()


def _user(name: str) -> User:
    user = User(first_name=name, last_name="C", email=f"{name}{os.urandom(6).hex()}@example.org")
    db.session.add(user)
    db.session.flush()
    return user


def _event(world: World) -> Event:
    event = Event(
        title="Another workshop",
        creator=world.manager,
        category=world.category,
        type_=EventType.meeting,
        start_dt=world.event.start_dt,
        end_dt=world.event.end_dt,
        timezone="UTC",
    )
    db.session.add(event)
    db.session.flush()
    return event


def _url(event: Event) -> str:
    return f"/event/{event.id}/manage/attachments/direct-upload"
