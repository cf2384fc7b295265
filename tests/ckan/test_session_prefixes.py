"""Session credentials and forms write to a prefix of their own, and in the end nothing is left there."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from callers import Caller, new_sysadmin
from ckan import model
from ckan.tests import factories
from session_writers import (
    grants_of,
    let_time_pass,
    listed,
    listed_by_name,
    new_colleague,
    stored_under,
    writer,
)

from ckanext.s3multipart.cli import s3multipart
from ckanext.s3multipart.model import now
from ckanext.s3multipart.moving import compat
from ckanext.s3multipart.settings import portal_store
from ckanext.s3multipart.upkeep.janitor import sweep
from ckanext.s3multipart.uploads.session_model import SessionGrant
from s3portal.server.testing import RunningServer

Setting = Callable[[str, object], None]


def fetch(caller: Caller, route: str) -> dict:
    answer = caller.get(f"/api/3/action/{route}/{caller.dataset}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def prefix_in_template(caller: Caller) -> str:
    with caller.app.flask_app.test_request_context(headers=caller.headers):
        caller.app.flask_app.preprocess_request()
        return compat.get_s3_prefix(caller.dataset)


class TestThePrefix:
    def test_all_calls_answer_the_same_one(self, publisher: Caller) -> None:
        prefix = fetch(publisher, "get_s3_auth")["Prefix"]

        assert prefix_in_template(publisher) == prefix
        assert publisher.do("s3multipart_credentials", owner=publisher.dataset)["prefix"] == prefix
        assert prefix.startswith(f"{publisher.organisation_id}/{publisher.dataset}/")
        assert prefix.endswith(f"/{grants_of(publisher)[0].id}/")

    def test_repeated_calls_make_no_further_row(self, publisher: Caller) -> None:
        for _ in range(3):
            fetch(publisher, "get_s3_auth")
            fetch(publisher, "get_s3_post")
            prefix_in_template(publisher)

        assert sorted(grant.kind for grant in grants_of(publisher)) == ["credentials", "form"]

    def test_calls_at_once_make_one_row(self, publisher: Caller) -> None:
        with ThreadPoolExecutor(4) as pool:
            prefixes = {
                answer["prefix"]
                for answer in pool.map(
                    lambda _: publisher.do("s3multipart_credentials", owner=publisher.dataset), range(8)
                )
            }

        assert len(prefixes) == 1
        assert len(grants_of(publisher)) == 1

    def test_editors_of_one_dataset_have_each_their_own(self, portal, publisher: Caller) -> None:
        colleague = new_colleague(portal, publisher)

        assert fetch(publisher, "get_s3_auth")["Prefix"] != fetch(colleague, "get_s3_auth")["Prefix"]

    def test_it_holds_no_file_that_is_published(self, publisher: Caller) -> None:
        publisher.publish(b"published")

        assert stored_under(writer(publisher).scope) == []

    def test_after_a_day_there_is_another(self, publisher: Caller) -> None:
        before = writer(publisher)
        model.Session.query(SessionGrant).filter_by(dataset_id=publisher.dataset).update(
            {"issuable_until": now() - timedelta(seconds=1)}
        )
        model.Session.commit()

        after = writer(publisher)

        assert after.scope != before.scope
        # What is still being written to the first one is found as well.
        before.put("first.csv")
        after.put("second.csv")
        assert set(listed_by_name(publisher)) == {"first.csv", "second.csv"}

    def test_a_dataset_that_moves_gets_another(self, portal, publisher: Caller) -> None:
        before = writer(publisher).scope
        with portal.flask_app.test_request_context():
            other = factories.Organization(users=[{"name": publisher.name, "capacity": "editor"}])
        new_sysadmin(portal).do("package_owner_org_update", id=publisher.dataset, organization_id=other["id"])

        assert writer(publisher).scope.startswith(f"{other['id']}/{publisher.dataset}/")
        assert writer(publisher).scope != before

    def test_readers_are_told_what_the_keys_of_files_begin_with(
        self, publisher: Caller, another_publisher: Caller
    ) -> None:
        with publisher.app.flask_app.test_request_context(headers=another_publisher.headers):
            publisher.app.flask_app.preprocess_request()
            prefix = compat.get_s3_prefix(publisher.dataset)

        assert prefix == f"{publisher.organisation_id}/{publisher.dataset}/"
        assert grants_of(another_publisher) == []


class TestTheEnd:
    def test_everything_that_is_not_a_file_of_the_portals_goes(self, publisher: Caller) -> None:
        own = writer(publisher)
        own.put("attached.csv", b"attached")
        resource = publisher.attach(listed(publisher)[0])
        own.client.create_multipart_upload(Bucket=own.bucket, Key=f"{own.scope}unfinished.bin")

        let_time_pass(publisher)
        assert sweep().cleared == 1

        assert stored_under(own.scope) == []
        assert grants_of(publisher) == []
        uploads = portal_store().client().list_multipart_uploads(Bucket=own.bucket, Prefix=own.scope)
        assert uploads.get("Uploads", []) == []
        assert publisher.follow(resource["url"]).content == b"attached"

    def test_what_was_written_last_is_found_before(self, publisher: Caller) -> None:
        writer(publisher).put("last.csv")
        let_time_pass(publisher)

        swept = sweep()

        assert (swept.found, swept.cleared) == (1, 1)
        resource = publisher.attach(listed(publisher)[0])
        assert publisher.follow(resource["url"]).content == b"1,2"

    def test_what_was_not_taken_over_yet_waits(self, publisher: Caller, s3_server: RunningServer) -> None:
        own = writer(publisher)
        own.put("rivers.csv", b"kept")
        let_time_pass(publisher)
        s3_server.faults.add("CopyObject", status=403, first=1)

        swept = sweep()

        assert (swept.failed, swept.cleared) == (1, 0)
        assert stored_under(own.scope) != []
        assert sweep().taken_over == 1
        assert publisher.follow(publisher.attach(listed(publisher)[0])["url"]).content == b"kept"

    def test_a_prefix_that_may_be_written_to_stays(self, publisher: Caller) -> None:
        own = writer(publisher)
        own.put("rivers.csv")

        assert sweep().cleared == 0

        assert len(grants_of(publisher)) == 1
        assert stored_under(own.scope) != []

    def test_one_that_was_never_used_goes(self, publisher: Caller) -> None:
        prefix_in_template(publisher)
        model.Session.query(SessionGrant).filter_by(dataset_id=publisher.dataset).update(
            {"issuable_until": now() - timedelta(seconds=1)}
        )
        model.Session.commit()

        sweep()

        assert grants_of(publisher) == []

    def test_a_purged_dataset_leaves_nothing(self, portal, publisher: Caller) -> None:
        own = writer(publisher)
        own.put("rivers.csv")
        new_sysadmin(portal).do("dataset_purge", id=publisher.dataset)
        own.put("later.csv")

        let_time_pass(publisher)
        sweep()

        assert stored_under(own.scope) == []
        assert grants_of(publisher) == []

    @pytest.mark.parametrize("restored", [True, False])
    def test_a_deleted_dataset_may_be_restored_as_long_as_the_prefix_lasts(
        self, portal, publisher: Caller, restored: bool
    ) -> None:
        own, admin = writer(publisher), new_sysadmin(portal)
        own.put("rivers.csv")
        admin.do("package_delete", id=publisher.dataset)
        sweep()
        assert listed(publisher) == []
        assert len(stored_under(own.scope)) == 1

        if restored:
            admin.do("package_patch", id=publisher.dataset, state="active")
            [upload] = listed(publisher)
            assert publisher.follow(publisher.attach(upload)["url"]).content == b"1,2"
        else:
            let_time_pass(publisher)
            sweep()
            assert stored_under(own.scope) == []
            assert grants_of(publisher) == []

    def test_a_dry_run_only_counts(self, publisher: Caller) -> None:
        own = writer(publisher)
        own.put("rivers.csv")
        let_time_pass(publisher)

        assert sweep(dry_run=True).cleared >= 1

        assert stored_under(own.scope) != []

    def test_the_janitor_says_so(self, cli, publisher: Caller) -> None:
        sweep()
        writer(publisher).put("rivers.csv")

        said = cli.invoke(s3multipart, ["janitor", "--json"], catch_exceptions=False)

        assert json.loads(said.stdout.splitlines()[-1])["found"] == 1
