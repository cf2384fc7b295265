"""Who tries to use a key that it may not use, or to hide from a key's policy what it is used for."""

from __future__ import annotations

import base64
import json

import pytest
from identity_callers import arn_of, iam_of, new_user, policy, trust
from s3_callers import BUCKET, client_of, code_of, refusal_of, send, session_client, signed_headers

ROOT = "arn:aws:iam::000000000000:root"


@pytest.fixture
def iam(s3_server):
    return iam_of(s3_server)


@pytest.fixture
def kms(s3_server):
    return client_of(s3_server, "admin", "kms")


def key_for(kms, *arns, **more):
    """A key whose policy lets some encrypt and decrypt, and the account do everything."""
    given = {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": ["kms:Encrypt", "kms:Decrypt"]}
    everything = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "kms:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [everything, given | {"Resource": "*"} | more]}
    return kms.create_key(Policy=json.dumps(document))["KeyMetadata"]["KeyId"]


class TestBoundaries:
    @pytest.fixture
    def boundary(self, iam):
        made = iam.create_policy(PolicyName="no-keys", PolicyDocument=policy("s3:*", "sts:*"))
        return made["Policy"]["Arn"]

    def test_of_a_role_holds_for_what_a_key_gives_to_the_role(self, s3_server, iam, kms, boundary):
        anna = client_of(s3_server, service="sts", **new_user(iam, "anna"))
        iam.create_role(
            RoleName="bound",
            AssumeRolePolicyDocument=trust(arn_of("user", "anna")),
            PermissionsBoundary=boundary,
        )
        key = key_for(kms, arn_of("role", "bound"))
        answer = anna.assume_role(RoleArn=arn_of("role", "bound"), RoleSessionName="session")
        session = session_client(s3_server, answer["Credentials"], "kms")
        assert code_of(session.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
        iam.delete_role_permissions_boundary(RoleName="bound")
        session.encrypt(KeyId=key, Plaintext=b"x")

    def test_of_a_user_holds_for_what_a_key_gives_to_everybody_alone(self, s3_server, iam, kms, boundary):
        user = client_of(s3_server, service="kms", **new_user(iam, "bert", PermissionsBoundary=boundary))
        everybodys, own = key_for(kms, "*"), key_for(kms, arn_of("user", "bert"))
        assert code_of(user.encrypt, KeyId=everybodys, Plaintext=b"x") == "AccessDeniedException"
        user.encrypt(KeyId=own, Plaintext=b"x")


def test_a_deny_is_final_for_the_accounts_own_key_too(s3_server, iam):
    deny = {"Effect": "Deny", "Action": "kms:Decrypt", "Resource": "*"}
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})
    s3 = client_of(s3_server, **new_user(iam, "anna", document))
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x", ServerSideEncryption="aws:kms")
    assert code_of(s3.get_object, Bucket=BUCKET, Key="k") == "AccessDenied"
    assert code_of(s3.copy_object, Bucket=BUCKET, Key="c", CopySource=f"{BUCKET}/k") == "AccessDenied"
    client_of(s3_server).get_object(Bucket=BUCKET, Key="k")


def test_a_trial_of_two_permissions_needs_both(s3_server, iam, kms):
    key, other = (kms.create_key()["KeyMetadata"] for _ in range(2))
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    half = client_of(
        s3_server, service="kms", **new_user(iam, "anna", policy("kms:ReEncrypt*", resource=key["Arn"]))
    )
    trial = {"CiphertextBlob": sealed, "DryRun": True}
    assert code_of(half.re_encrypt, DestinationKeyId=key["Arn"], **trial) == "DryRunOperationException"
    assert code_of(half.re_encrypt, DestinationKeyId=other["Arn"], **trial) == "AccessDeniedException"


class TestContexts:
    def test_names_that_differ_in_case_alone_are_refused(self, kms):
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        twice = {"team": "blue", "Team": "red"}
        sealed = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"team": "blue"})["CiphertextBlob"]
        for refused in (
            refusal_of(kms.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext=twice),
            refusal_of(kms.generate_data_key, KeyId=key, KeySpec="AES_256", EncryptionContext=twice),
            refusal_of(
                kms.re_encrypt,
                CiphertextBlob=sealed,
                SourceEncryptionContext={"team": "blue"},
                DestinationKeyId=key,
                DestinationEncryptionContext=twice,
            ),
        ):
            assert (refused.status, refused.code) == (400, "ValidationException")

    def test_no_object_passes_for_another(self, s3_server, iam, kms):
        """A key that is for objects under public/ alone is not opened by a context that says so."""
        public = f"arn:aws:s3:::{BUCKET}/public/*"
        reader = new_user(iam, "reader", policy("s3:*"))
        key = key_for(
            kms,
            arn_of("user", "reader"),
            Action="kms:*",
            Condition={"StringLike": {"kms:EncryptionContext:aws:s3:arn": public}},
        )
        s3 = client_of(s3_server, **reader)
        asked = {"Bucket": BUCKET, "Body": b"x", "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
        s3.put_object(Key="public/k", **asked)
        assert code_of(s3.put_object, Key="secret", **asked) == "AccessDenied"
        for pairs in (
            {"aws:s3:arn": f"arn:aws:s3:::{BUCKET}/public/k"},
            {"AWS:S3:ARN": f"arn:aws:s3:::{BUCKET}/public/k"},
            {"aws:s3:arn": "x", "AWS:s3:arn": f"arn:aws:s3:::{BUCKET}/public/k"},
        ):
            context = base64.b64encode(json.dumps(pairs).encode()).decode()
            refused = refusal_of(s3.put_object, Key="secret", SSEKMSEncryptionContext=context, **asked)
            assert refused.code in ("AccessDenied", "InvalidArgument")


@pytest.mark.parametrize("header", ["Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Server", "Forwarded"])
def test_a_customers_key_is_not_taken_from_a_proxy_of_whatever_kind(s3_server, header):
    key = base64.b64encode(bytes(32)).decode()
    sent = {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": key,
        "x-amz-server-side-encryption-customer-key-MD5": "cLyPS3KoaSFGi/joRB3OUQ==",
    }
    path = f"/{BUCKET}/k"
    signed = signed_headers(s3_server, "PUT", s3_server.endpoint + path, sent)
    assert b"secure connection" in send(s3_server, "PUT", path, signed | {header: "1.2.3.4"})[2]
    assert send(s3_server, "PUT", path, signed)[0] == 200
