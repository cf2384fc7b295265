"""AssumeRoleWithWebIdentity: who has a token of the configured provider gets a role, and nobody else."""

from __future__ import annotations

import base64
import json

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from identity_callers import iam_of, policy
from identity_provider import AUDIENCE, IdentityProvider, new_key, public_key
from s3_callers import BUCKET, client_of, code_of, refusal_of, send, session_client

from s3portal.server.access.json_web_keys import LEAST_PAUSE_S, LIFE_S, JsonWebKeys
from s3portal.server.access.oidc_providers import OidcProvider
from s3portal.server.access.session_tokens import Session, new_access_key_id, role_id
from s3portal.server.config import ConfigError, config_of_json
from s3portal.server.pytest_plugin import server_config
from s3portal.server.testing import RunningServer
from s3portal.server.wire.errors import S3Error

jwt = pytest.importorskip("jwt", reason="identity providers need PyJWT")
boto3 = pytest.importorskip("boto3")
ROLE = "arn:aws:iam::000000000000:role/readers"


@pytest.fixture(scope="module")
def provider():
    provider = IdentityProvider()
    yield provider
    provider.close()


@pytest.fixture
def settings(provider):
    provider.keys = {"one": provider.keys["one"]}
    provider.documents.clear()
    provider.asked.clear()
    mapping = {"role": "readers", "subjects": ["anna"], "groups": ["staff"]}
    return {"issuer": provider.issuer, "audiences": [AUDIENCE, "other"], "roles": [mapping]}


@pytest.fixture
def server(tmp_path, settings):
    config = server_config() | {"oidc_providers": [settings]}
    home = f"arn:aws:s3:::{BUCKET}/${{{settings['issuer'].removeprefix('http://')}:sub}}/*"
    config["roles"].append(
        {
            "name": "readers",
            "trusted": [],
            "policy": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"},
                    {"Effect": "Allow", "Action": "s3:PutObject", "Resource": home},
                ],
            },
        }
    )
    with RunningServer(tmp_path / "s3", config) as server:
        yield server


@pytest.fixture
def token(provider, server):
    """Makes a token as the provider does, with whatever is asked for in another way."""

    def make(key="one", headers=None, algorithm="RS256", **claims):
        now = int(server.clock.now().timestamp())
        said = {"iss": provider.issuer, "aud": AUDIENCE, "sub": "anna", "iat": now, "exp": now + 300} | claims
        said = {name: value for name, value in said.items() if value is not None}
        secret = provider.keys.get(key, key) if isinstance(key, str) else key
        return jwt.encode(
            said, secret, algorithm, {"kid": key if isinstance(key, str) else "one"} | (headers or {})
        )

    return make


def assume(server, token, **given):
    sts = boto3.client(
        "sts",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )
    asked = {"RoleArn": ROLE, "RoleSessionName": "session", "WebIdentityToken": token} | given
    return sts.assume_role_with_web_identity(**asked)


class TestWhoMayHaveARole:
    def test_a_subject_that_is_named(self, server, token, provider):
        answer = assume(server, token())
        assert answer["SubjectFromWebIdentityToken"] == "anna"
        assert (answer["Audience"], answer["Provider"]) == (AUDIENCE, provider.issuer)
        assert answer["AssumedRoleUser"]["Arn"].endswith(":assumed-role/readers/session")
        s3 = session_client(server, answer["Credentials"])
        s3.list_objects_v2(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="anna/k", Body=b"x")
        assert code_of(s3.put_object, Bucket=BUCKET, Key="bert/k", Body=b"x") == "AccessDenied"

    def test_a_member_of_a_group(self, server, token):
        assume(server, token(sub="bert", groups=["guests", "staff"]))
        assume(server, token(sub="bert", groups="staff"))
        for groups in (["guests"], [], "staf", {"staff": 1}, None):
            assert code_of(assume, server=server, token=token(sub="bert", groups=groups)) == "AccessDenied"

    def test_another_role_is_refused_like_one_that_does_not_exist(self, server, token):
        for name in ("uploads", "none"):
            given = {"RoleArn": ROLE.replace("readers", name)}
            refused = refusal_of(assume, server=server, token=token(), **given)
            assert (refused.status, refused.code) == (403, "AccessDenied")
            assert refused.error["Message"] == ("Not authorized to perform sts:AssumeRoleWithWebIdentity")

    def test_a_role_whose_trust_policy_names_the_provider(self, server, token, provider):
        iam = iam_of(server)
        arn = f"arn:aws:iam::000000000000:oidc-provider/{provider.name}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": arn},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringLike": {f"{provider.name}:sub": "ca*", f"{provider.name}:aud": AUDIENCE}},
        }
        document = {"Version": "2012-10-17", "Statement": [statement]}
        iam.create_role(RoleName="trusting", AssumeRolePolicyDocument=json.dumps(document))
        iam.put_role_policy(RoleName="trusting", PolicyName="p", PolicyDocument=policy("s3:ListBucket"))
        given = {"RoleArn": ROLE.replace("readers", "trusting")}
        answer = assume(server, token(sub="carl"), **given)
        session_client(server, answer["Credentials"]).list_objects_v2(Bucket=BUCKET)
        assert code_of(assume, server=server, token=token(), **given) == "AccessDenied"
        assert code_of(assume, server=server, token=token(sub="carl", aud="other"), **given) == "AccessDenied"
        deny = {"Effect": "Deny", "Principal": "*", "Action": "sts:*"}
        document["Statement"].append(deny)
        iam.update_assume_role_policy(RoleName="trusting", PolicyDocument=json.dumps(document))
        assert code_of(assume, server=server, token=token(sub="carl"), **given) == "AccessDenied"

    def test_a_session_policy_narrows_it(self, server, token):
        answer = assume(server, token(), Policy=policy("s3:PutObject"), DurationSeconds=900)
        s3 = session_client(server, answer["Credentials"])
        s3.put_object(Bucket=BUCKET, Key="anna/k", Body=b"x")
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "AccessDenied"

    def test_providers_are_shown_by_iam(self, server, provider):
        iam = iam_of(server)
        (shown,) = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        found = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=shown["Arn"])
        assert (found["Url"], found["ClientIDList"]) == (provider.name, [AUDIENCE, "other"])


def unsigned_token(claims):
    def part(document):
        return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'kid': 'one'})}.{part(claims)}."


class TestTokensThatAreRefused:
    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://login.example.org"},
            {"iss": None},
            {"aud": "somebody-else"},
            {"aud": []},
            {"aud": None},
            {"sub": None},
            {"sub": ""},
            {"sub": "x" * 256},
            {"exp": None},
            {"iat": None},
            {"exp": "soon"},
            {"exp": True},
            {"iat": 10**11},
            {"nbf": 10**11},
        ],
    )
    def test_what_it_says_must_be_right(self, server, token, claims):
        refused = refusal_of(assume, server=server, token=token(**claims))
        assert (refused.status, refused.code) == (400, "InvalidIdentityToken")

    def test_one_that_has_expired(self, server, token):
        made = token()
        server.advance_clock(301 + 60)
        refused = refusal_of(assume, server=server, token=made)
        assert (refused.status, refused.code) == (400, "ExpiredTokenException")

    def test_another_signature_or_algorithm(self, server, token, provider):
        good = token()
        head, claims, signature = good.split(".")
        said = json.loads(base64.urlsafe_b64decode(claims + "=="))
        secret = public_key("one", provider.keys["one"])["n"]
        bad = [
            token(key=new_key()),
            f"{head}.{claims}.{signature[:-4]}AAAA",
            f"{head}.{claims}.",
            unsigned_token(said),
            token(algorithm="RS512"),
            token(key=secret, algorithm="HS256", headers={"kid": "one"}),
            token(headers={"crit": ["x"], "x": 1}),
            "x.y.z",
            "a" * 19_000,
            "....",
        ]
        for one in bad:
            assert code_of(assume, server=server, token=one) == "InvalidIdentityToken"
        assume(server, good)

    def test_a_token_is_no_key_for_anything_else(self, server):
        sts = boto3.client(
            "sts",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
        )
        given = {"RoleArn": ROLE, "RoleSessionName": "session"}
        assert refusal_of(sts.assume_role, **given).status == 403
        assert refusal_of(sts.get_caller_identity).status == 403


class TestKeys:
    def test_they_are_fetched_once_and_again_for_an_unknown_id(self, server, token, provider):
        for _ in range(3):
            assume(server, token())
        assert len(provider.asked) == 2
        provider.keys["two"] = new_key()
        # Not yet: anybody could make the server ask again and again.
        assert code_of(assume, server=server, token=token(key="two")) == "InvalidIdentityToken"
        assert len(provider.asked) == 2

    def test_a_new_key_is_found_after_a_while_and_an_old_one_forgotten(self, provider, settings):
        moment = [0.0]
        keys = JsonWebKeys(OidcProvider(provider.issuer, (AUDIENCE,)), clock=lambda: moment[0])
        assert keys.find("one")["kid"] == "one"
        assert keys.find(None)["kid"] == "one"
        provider.keys["two"] = new_key()
        moment[0] += LEAST_PAUSE_S
        assert keys.find("two")["kid"] == "two"
        del provider.keys["two"]
        moment[0] += LIFE_S
        with pytest.raises(S3Error, match="InvalidIdentityToken"):
            keys.find("two")

    def test_a_provider_that_is_down_is_told_apart_and_does_not_matter_later(self, provider, settings):
        moment = [0.0]
        keys = JsonWebKeys(OidcProvider(provider.issuer, (AUDIENCE,)), clock=lambda: moment[0])
        path = "/realms/main/keys"
        for answer in (500, 302, b"{", b"[" * 100_000, {"keys": 1}, b" " * 600_000):
            provider.documents[path] = answer
            moment[0] += LEAST_PAUSE_S
            with pytest.raises(S3Error, match="IDPCommunicationError"):
                keys.find("one")
        provider.documents.clear()
        moment[0] += LEAST_PAUSE_S
        keys.find("one")
        provider.documents[path] = 500
        moment[0] += LIFE_S
        assert keys.find("one")["kid"] == "one"

    def test_a_discovery_document_leads_nowhere_else(self, provider, settings):
        place = "/realms/main/.well-known/openid-configuration"
        for document in (
            {"issuer": "https://login.example.org", "jwks_uri": f"{provider.issuer}/keys"},
            {"issuer": provider.issuer, "jwks_uri": "http://169.254.169.254/latest"},
            {"issuer": provider.issuer, "jwks_uri": "file:///etc/passwd"},
            {"issuer": provider.issuer},
        ):
            provider.documents[place] = document
            with pytest.raises(S3Error, match="IDPCommunicationError"):
                JsonWebKeys(OidcProvider(provider.issuer, (AUDIENCE,))).find("one")
        assert "/realms/main/keys" not in provider.asked

    def test_a_secret_is_no_public_key(self, provider, settings):
        provider.documents["/realms/main/keys"] = {"keys": [{"kty": "oct", "kid": "one", "k": "c2VjcmV0"}]}
        with pytest.raises(S3Error, match="InvalidIdentityToken"):
            JsonWebKeys(OidcProvider(provider.issuer, (AUDIENCE,))).find("one")


class TestAProviderThatLeaves:
    """Its sessions are refused from then on, and those that were begun with them."""

    @pytest.fixture
    def file(self, tmp_path):
        return tmp_path / "config.json"

    @pytest.fixture
    def server(self, tmp_path, settings, file):
        everything = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
        }
        config = server_config() | {"oidc_providers": [settings]}
        config["roles"] += [
            {"name": "readers", "trusted": [], "policy": everything},
            {"name": "next", "trusted": ["role/readers"], "policy": everything},
        ]
        file.write_text(json.dumps(config))
        with RunningServer(tmp_path / "s3", file) as server:
            yield server

    @staticmethod
    def put(file, *providers):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"oidc_providers": list(providers)}))

    def test_its_sessions_and_theirs_end(self, server, token, file, settings):
        first = assume(server, token())["Credentials"]
        sts = session_client(server, first, service="sts")
        given = {"RoleArn": ROLE.replace("readers", "next"), "RoleSessionName": "session"}
        second = sts.assume_role(**given)["Credentials"]
        of_a_user = client_of(server, "portal", "sts").get_session_token()["Credentials"]
        url = session_client(server, first).generate_presigned_url("list_objects_v2", {"Bucket": BUCKET})
        link = url.removeprefix(server.endpoint)
        clients = [session_client(server, credentials) for credentials in (first, second)]
        for s3 in clients:
            s3.list_objects_v2(Bucket=BUCKET)
        assert send(server, "GET", link)[0] == 200
        self.put(file, settings | {"issuer": settings["issuer"] + "/other"})
        for s3 in clients:
            assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "InvalidToken"
        assert code_of(sts.get_caller_identity) == "InvalidClientTokenId"
        assert send(server, "GET", link)[0] == 400
        session_client(server, of_a_user).list_objects_v2(Bucket=BUCKET)
        # Other settings of the same one are no other one.
        self.put(file, settings | {"roles": [], "audiences": ["elsewhere"]})
        for s3 in clients:
            s3.list_objects_v2(Bucket=BUCKET)

    def test_a_token_of_an_earlier_version_ends_too(self, server, file, provider):
        now = int(server.clock.now().timestamp())
        arn = OidcProvider(provider.issuer, (AUDIENCE,)).arn
        session = Session(
            new_access_key_id(), "readers", role_id("readers"), "session", "", now + 900,
            keys={"aws:federatedprovider": arn},
        )  # fmt: skip
        sealer = server._server.sealer
        s3 = session_client(
            server,
            {
                "AccessKeyId": session.access_key_id,
                "SecretAccessKey": sealer.secret_access_key(session.access_key_id),
                "SessionToken": sealer.seal(session),
            },
        )
        s3.list_objects_v2(Bucket=BUCKET)
        self.put(file)
        assert code_of(s3.list_objects_v2, Bucket=BUCKET) == "InvalidToken"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"issuer": "http://login.example.org"}, "https://"),
        ({"issuer": "login.example.org"}, "must be a URL"),
        ({"issuer": "https://login.example.org/?x"}, "must be a URL"),
        ({"jwks_uri": "file:///etc/passwd"}, "must be a URL"),
        ({"audiences": []}, "client ids"),
        ({"algorithms": ["HS256"]}, "not HS256"),
        ({"algorithms": ["none"]}, "not none"),
        ({"roles": [{"role": "readers"}]}, "subjects or groups"),
        ({"account": "111122223333"}, "not among the accounts"),
        ({"client_id": "x"}, "unknown field client_id"),
    ],
)
def test_a_mistake_in_the_configuration_is_named(settings, change, told):
    with pytest.raises(ConfigError, match=told):
        config_of_json(server_config() | {"oidc_providers": [settings | change]})


def test_users_keys_work_beside_it(server):
    client_of(server).list_objects_v2(Bucket=BUCKET)
