"""What a new portal has to have for a first try: people, an organisation, a dataset. Safe to repeat.

Runs inside CKAN and uses its actions, as the pages do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model

from s3portal.demo.people import ADMIN, DATASET, ORGANISATION, PUBLISHER, READER, Person, token_file
from s3portal.demo.secret import write_private


def make_first_data(secrets: Path) -> None:
    """Makes what is missing; passwords are in `secrets`, and the publisher's API token is written there."""
    for person in (ADMIN, PUBLISHER, READER):
        _make_user(person, person.password(secrets))
    # The portal has its own name for itself, which may do everything.
    as_site = {"ignore_auth": True, "user": tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]}
    if model.Group.get(ORGANISATION) is None:
        tk.get_action("organization_create")(
            dict(as_site),
            {
                "name": ORGANISATION,
                "title": "The Lab",
                "description": "Measures rivers, and publishes what it measured.",
                "users": [{"name": PUBLISHER.name, "capacity": "editor"}],
            },
        )
    if model.Package.get(DATASET) is None:
        tk.get_action("package_create")(
            {"user": PUBLISHER.name},
            {
                "name": DATASET,
                "title": "Rivers",
                "notes": "Water levels and discharge of our rivers. Add a file: it goes straight to S3.",
                "owner_org": ORGANISATION,
                "license_id": "cc-by",
                "tags": [{"name": "water"}, {"name": "rivers"}],
            },
        )
    if not token_file(secrets).exists():
        answer = tk.get_action("api_token_create")(
            {"user": PUBLISHER.name}, {"user": PUBLISHER.name, "name": "demo"}
        )
        write_private(token_file(secrets), answer["token"])


def _make_user(person: Person, password: str) -> None:
    if model.User.get(person.name) is not None:
        return
    context: dict[str, Any] = {"ignore_auth": True, "user": ""}
    tk.get_action("user_create")(
        context,
        {
            "name": person.name,
            "fullname": person.full_name,
            "email": f"{person.name}@example.org",
            "password": password,
        },
    )
    if person is ADMIN:
        user = model.User.get(person.name)
        user.sysadmin = True
        model.Session.commit()
