"""The URLs of parts while a file is published: used as they come, and replaced before they are too old."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from publishing_steps import SIZE, ContentOf, Heard, MakeFile, OpenPortal, publish, puts

from s3portal.server.testing import RunningServer
from s3portal.transfer import Store, presign


def test_the_parts_that_came_signed_are_not_signed_again(
    open_portal: OpenPortal, make_file: MakeFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = open_portal()
    sign, asked = portal._s3multipart_upload_sign_parts, []

    def remember(id: str, part_numbers: object) -> list[object]:
        asked.append(list(part_numbers))  # type: ignore[call-overload]
        return sign(id, part_numbers)

    monkeypatch.setattr(portal, "_s3multipart_upload_sign_parts", remember)

    publish(portal, make_file(SIZE), concurrency=1)

    assert asked == [[1, 2], [3, 4]], "with create, and then a batch of what is left"


def test_a_url_that_has_run_out_is_replaced_before_it_is_used(
    open_portal: OpenPortal, make_file: MakeFile, s3_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal = open_portal()
    sign, lives_until = portal._s3multipart_upload_sign_parts, ["2026-01-01T00:00:00Z"]

    def run_out_at_first(id: str, part_numbers: object) -> list[object]:
        parts = sign(id, part_numbers)
        expires_at = lives_until.pop() if lives_until else "2999-01-01T00:00:00Z"
        return [{**part, "expires_at": expires_at} for part in parts]  # type: ignore[dict-item]

    monkeypatch.setattr(portal, "_s3multipart_upload_sign_parts", run_out_at_first)

    publish(portal, make_file(SIZE), concurrency=1)

    assert portal.calls.count("s3multipart_upload_sign_parts") == 1
    assert puts(s3_server) == [1, 2, 3, 4]
    assert {r.status for r in s3_server.requests if r.operation == "UploadPart"} == {200}


def test_urls_that_are_too_old_are_signed_again_at_no_cost(
    open_portal: OpenPortal,
    make_file: MakeFile,
    content_of: ContentOf,
    s3_server: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portal, path, heard = open_portal(), make_file(SIZE), Heard()
    signer, sign = presign._signer, portal._s3multipart_upload_sign_parts
    hours_ago = [1]

    def signer_of_that_hour(store: Store, expires_s: int) -> presign.UrlSigner:
        now = signer(store, expires_s)
        return replace(now, signed_at=now.signed_at - timedelta(hours=sum(hours_ago)))

    def sign_too_old_at_first(id: str, part_numbers: object) -> list[object]:
        parts = sign(id, part_numbers)
        hours_ago.clear()
        # Said to be good for long, as a portal with a wrong clock would say.
        return [{**part, "expires_at": "2999-01-01T00:00:00Z"} for part in parts]  # type: ignore[dict-item]

    monkeypatch.setattr(presign, "_signer", signer_of_that_hour)
    monkeypatch.setattr(portal, "_s3multipart_upload_sign_parts", sign_too_old_at_first)

    published = publish(portal, path, report=heard)

    assert heard.failures == [], "no try was spent"
    refused = [r for r in s3_server.requests if r.operation == "UploadPart" and r.status == 403]
    assert 1 <= len(refused) <= 2
    assert content_of(published.url) == path.read_bytes()
