"""Preflights and answers are read as the Fetch Standard has them read: one table for each algorithm."""

import pytest

from s3portal.portal.doctor.fetch_cors import (
    CrossOriginRequest,
    cors_problem,
    hidden_headers,
    preflight_problem,
)

ORIGIN = "https://data.example.org"
ALLOW_ORIGIN = ("Access-Control-Allow-Origin", ORIGIN)
ANY_ORIGIN = ("Access-Control-Allow-Origin", "*")


def methods(value: str) -> tuple[str, str]:
    return ("Access-Control-Allow-Methods", value)


def names(value: str) -> tuple[str, str]:
    return ("Access-Control-Allow-Headers", value)


def put(
    *headers: tuple[str, str], with_credentials: bool = False, watched: bool = False
) -> CrossOriginRequest:
    return CrossOriginRequest(ORIGIN, "PUT", headers, with_credentials, watched)


MD5 = ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")
TOKEN = ("Authorization", "Bearer x")


@pytest.mark.parametrize(
    ("request_", "status", "answer"),
    [
        pytest.param(put(), 200, [ALLOW_ORIGIN, methods("PUT")], id="plain"),
        pytest.param(put(), 204, [ALLOW_ORIGIN, methods("PUT")], id="any status of success"),
        pytest.param(put(), 299, [ALLOW_ORIGIN, methods("PUT")], id="the last status of success"),
        pytest.param(put(), 200, [ANY_ORIGIN, methods("GET, PUT")], id="any origin"),
        pytest.param(put(), 200, [ANY_ORIGIN, methods("*")], id="any method"),
        pytest.param(put(), 200, [ANY_ORIGIN, methods("GET"), methods("PUT")], id="a list in two headers"),
        pytest.param(put(), 200, [ANY_ORIGIN, methods(",GET,,PUT ,")], id="empty items"),
        pytest.param(
            put(), 200, [("access-control-allow-origin", ORIGIN), methods("PUT")], id="small letters"
        ),
        pytest.param(put(watched=True), 200, [ALLOW_ORIGIN], id="watched, and no methods told"),
        pytest.param(
            put(MD5), 200, [ALLOW_ORIGIN, methods("PUT"), names("Content-Md5")], id="case of a header"
        ),
        pytest.param(put(MD5), 200, [ALLOW_ORIGIN, methods("PUT"), names("*")], id="any header"),
        pytest.param(
            put(TOKEN, MD5),
            200,
            [ANY_ORIGIN, methods("*"), names("*, authorization")],
            id="authorization named",
        ),
        pytest.param(
            CrossOriginRequest(ORIGIN, "POST", (("X-A", "1"),)),
            200,
            [ANY_ORIGIN, names("x-a")],
            id="a safelisted method need not be told",
        ),
        pytest.param(
            CrossOriginRequest(ORIGIN, "put"), 200, [ANY_ORIGIN, methods("PUT")], id="put is sent as PUT"
        ),
        pytest.param(
            put(MD5, with_credentials=True),
            200,
            [
                ALLOW_ORIGIN,
                ("Access-Control-Allow-Credentials", "true"),
                methods("PUT"),
                names("content-md5"),
            ],
            id="with credentials, all named",
        ),
    ],
)
def test_a_preflight_that_lets_the_request_pass(
    request_: CrossOriginRequest, status: int, answer: list[tuple[str, str]]
) -> None:
    assert preflight_problem(request_, status, answer) is None


@pytest.mark.parametrize(
    ("request_", "status", "answer", "why"),
    [
        pytest.param(
            put(), 403, [ALLOW_ORIGIN, methods("PUT")], "status 403", id="refused, yet with the header"
        ),
        pytest.param(put(), 301, [ALLOW_ORIGIN, methods("PUT")], "status 301", id="a redirect"),
        pytest.param(put(), 200, [methods("PUT")], "no Access-Control-Allow-Origin", id="no origin"),
        pytest.param(
            put(), 200, [("Access-Control-Allow-Origin", ""), methods("PUT")], "is ,", id="empty origin"
        ),
        pytest.param(
            put(),
            200,
            [("Access-Control-Allow-Origin", ORIGIN.upper()), methods("PUT")],
            "come from",
            id="case",
        ),
        pytest.param(
            put(),
            200,
            [("Access-Control-Allow-Origin", ORIGIN + "/"), methods("PUT")],
            "come from",
            id="slash",
        ),
        pytest.param(
            put(),
            200,
            [("Access-Control-Allow-Origin", ORIGIN + ":443"), methods("PUT")],
            "come from",
            id="port",
        ),
        pytest.param(
            put(), 200, [ALLOW_ORIGIN, ALLOW_ORIGIN, methods("PUT")], "come from", id="origin twice"
        ),
        pytest.param(put(), 200, [ANY_ORIGIN, ANY_ORIGIN, methods("PUT")], "come from", id="star twice"),
        pytest.param(
            put(),
            200,
            [("Access-Control-Allow-Origin", f"{ORIGIN}, https://b.example"), methods("PUT")],
            "come from",
            id="a list of origins",
        ),
        pytest.param(put(), 200, [ALLOW_ORIGIN], "PUT is not among", id="no method told, and not watched"),
        pytest.param(put(), 200, [ALLOW_ORIGIN, methods("GET")], "PUT is not among", id="another method"),
        pytest.param(put(), 200, [ALLOW_ORIGIN, methods("put")], "PUT is not among", id="case of a method"),
        pytest.param(put(), 200, [ALLOW_ORIGIN, methods("GET PUT")], "not a list", id="no list of methods"),
        pytest.param(
            put(watched=True),
            200,
            [ALLOW_ORIGIN, methods("")],
            "PUT is not among",
            id="watched, and none told",
        ),
        pytest.param(
            CrossOriginRequest(ORIGIN, "patch"),
            200,
            [ANY_ORIGIN, methods("PATCH")],
            "patch is not among",
            id="patch is sent as patch",
        ),
        pytest.param(put(MD5), 200, [ALLOW_ORIGIN, methods("PUT")], "content-md5", id="no header told"),
        pytest.param(
            put(MD5),
            200,
            [ALLOW_ORIGIN, methods("PUT"), names("x-a content-md5")],
            "not a list",
            id="no list",
        ),
        pytest.param(
            put(TOKEN),
            200,
            [ANY_ORIGIN, methods("PUT"), names("*")],
            "authorization",
            id="* is no authorization",
        ),
        pytest.param(
            put(MD5, with_credentials=True),
            200,
            [ALLOW_ORIGIN, ("Access-Control-Allow-Credentials", "true"), methods("PUT"), names("*")],
            "content-md5",
            id="* is a name with credentials",
        ),
        pytest.param(
            put(with_credentials=True),
            200,
            [ALLOW_ORIGIN, ("Access-Control-Allow-Credentials", "true"), methods("*")],
            "PUT is not among",
            id="* is a method with credentials",
        ),
        pytest.param(
            put(with_credentials=True), 200, [ANY_ORIGIN, methods("PUT")], "come from", id="* is an origin"
        ),
        pytest.param(
            put(with_credentials=True),
            200,
            [ALLOW_ORIGIN, ("Access-Control-Allow-Credentials", "True"), methods("PUT")],
            "Credentials is not true",
            id="True is not true",
        ),
    ],
)
def test_a_preflight_that_stops_the_request_says_why(
    request_: CrossOriginRequest, status: int, answer: list[tuple[str, str]], why: str
) -> None:
    assert why in (preflight_problem(request_, status, answer) or "")


@pytest.mark.parametrize(
    ("header", "has_to_be_allowed"),
    [
        (("Accept", "text/csv"), False),
        (("Accept", "text/csv(1)"), True),
        (("Accept", "a" * 129), True),
        (("Accept-Language", "de, en;q=0.5"), False),
        (("Accept-Language", "de_DE"), True),
        (("Content-Type", "text/plain;charset=utf-8"), False),
        (("Content-Type", "TEXT/PLAIN"), False),
        (("Content-Type", "application/json"), True),
        (("Range", "bytes=0-"), False),
        (("Range", "bytes=10-20"), False),
        (("Range", "bytes=20-10"), True),
        (("Range", "bytes=-10"), True),
        (("Range", "bytes=0-1,5-6"), True),
        (("Content-MD5", "x"), True),
        (("x-amz-checksum-crc32c", "x"), True),
        (("Authorization", "x"), True),
    ],
)
def test_which_headers_have_to_be_allowed(header: tuple[str, str], has_to_be_allowed: bool) -> None:
    request = CrossOriginRequest(ORIGIN, "GET", (header,))

    assert request.unsafe_header_names == ([header[0].lower()] if has_to_be_allowed else [])
    assert request.needs_preflight is has_to_be_allowed


def test_many_safe_headers_together_are_unsafe() -> None:
    headers = tuple(("Accept", "a" * 128) for _ in range(9))

    assert CrossOriginRequest(ORIGIN, "GET", headers).unsafe_header_names == ["accept"]


def test_what_a_preflight_asks_is_sorted_and_in_small_letters() -> None:
    request = put(("x-amz-b", "1"), ("Content-MD5", "x"), ("X-Amz-A", "2"))

    assert dict(request.preflight_headers()) == {
        "Accept": "*/*",
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-md5,x-amz-a,x-amz-b",
    }


def test_a_watched_request_is_asked_for_whatever_it_is() -> None:
    assert CrossOriginRequest(ORIGIN, "POST", watched=True).needs_preflight
    assert not CrossOriginRequest(ORIGIN, "POST").needs_preflight


@pytest.mark.parametrize(
    ("exposed", "hidden"),
    [
        ([], ["ETag"]),
        (["etag"], []),
        (["x-a, ETag"], []),
        (["x-a", "ETAG"], []),
        (["*"], []),
        (["x-a ETag"], ["ETag"]),
    ],
)
def test_what_a_script_gets_to_see(exposed: list[str], hidden: list[str]) -> None:
    answer = [("Access-Control-Expose-Headers", value) for value in exposed]

    assert hidden_headers(put(), answer, ["ETag", "Content-Length"]) == hidden


def test_a_star_exposes_nothing_where_credentials_go_along() -> None:
    answer = [("Access-Control-Expose-Headers", "*")]

    assert hidden_headers(put(with_credentials=True), answer, ["ETag"]) == ["ETag"]


def test_an_answer_without_the_header_is_thrown_away() -> None:
    assert cors_problem(put(), []) is not None
    assert cors_problem(put(), [ANY_ORIGIN]) is None
