"""The key management, by boto3's own client: keys, aliases, encryption, rotation, deletion, policies."""

from __future__ import annotations

import json
import sqlite3

import pytest
from kms_clients import ACCOUNT, OTHER_ACCOUNT, allow, arn_of, client_of, code_of
from kms_clients import root as root  # fixtures
from kms_clients import server as server
from kms_clients import whole_server as whole_server


@pytest.fixture
def kms(server):
    return client_of(server, "keeper")


@pytest.fixture
def key(kms):
    return kms.create_key(Description="a key")["KeyMetadata"]


def test_a_new_key_is_as_aws_describes_one(kms, key):
    assert key["Arn"] == f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key['KeyId']}"
    shown = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert shown == key
    assert {
        name: shown[name] for name in ("Enabled", "KeyState", "KeyUsage", "KeySpec", "KeyManager", "Origin")
    } == {
        "Enabled": True,
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyManager": "CUSTOMER",
        "Origin": "AWS_KMS",
    }
    assert shown["Description"] == "a key"


def test_a_key_is_found_by_id_arn_and_alias(kms, key):
    kms.create_alias(AliasName="alias/mine", TargetKeyId=key["KeyId"])
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:alias/mine"
    for reference in (key["KeyId"], key["Arn"], "alias/mine", arn):
        assert kms.describe_key(KeyId=reference)["KeyMetadata"]["KeyId"] == key["KeyId"]
    for unknown in ("12345678-1234-1234-1234-123456789012", "alias/none", key["Arn"][:-1] + "x", arn + "x"):
        assert code_of(kms.describe_key, KeyId=unknown) == (400, "NotFoundException")
    assert code_of(kms.describe_key, KeyId="arn:aws:s3:::b")[1] == "InvalidArnException"


def test_aliases_are_made_moved_listed_and_deleted(kms, key):
    second = kms.create_key()["KeyMetadata"]["KeyId"]
    for name in ("alias/b", "alias/a/b-c_d"):
        kms.create_alias(AliasName=name, TargetKeyId=key["KeyId"])
    assert code_of(kms.create_alias, AliasName="alias/b", TargetKeyId=second)[1] == "AlreadyExistsException"
    kms.update_alias(AliasName="alias/b", TargetKeyId=second)
    listed = kms.list_aliases()["Aliases"]
    assert [(alias["AliasName"], alias["TargetKeyId"]) for alias in listed] == [
        ("alias/a/b-c_d", key["KeyId"]),
        ("alias/b", second),
    ]
    assert [alias["AliasName"] for alias in kms.list_aliases(KeyId=second)["Aliases"]] == ["alias/b"]
    first = kms.list_aliases(Limit=1)
    assert first["Truncated"]
    rest = kms.list_aliases(Marker=first["NextMarker"])
    assert [alias["AliasName"] for alias in rest["Aliases"]] == ["alias/b"] and not rest["Truncated"]
    kms.delete_alias(AliasName="alias/b")
    assert code_of(kms.delete_alias, AliasName="alias/b")[1] == "NotFoundException"
    assert code_of(kms.update_alias, AliasName="alias/b", TargetKeyId=second)[1] == "NotFoundException"
    for wrong, code in (
        ("alias/aws/s3", "InvalidAliasNameException"),
        ("alias/a b", "InvalidAliasNameException"),
        ("mine", "ValidationException"),
    ):
        assert code_of(kms.create_alias, AliasName=wrong, TargetKeyId=second)[1] == code


def test_keys_are_listed_page_by_page(kms):
    made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(5)}
    pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) == 3
    assert {key["KeyId"] for page in pages for key in page["Keys"]} == made


def test_what_is_encrypted_is_opened_with_the_same_context_only(kms, key):
    context = {"purpose": "test", "Ä": "ö"}
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret", EncryptionContext=context)
    assert sealed["KeyId"] == key["Arn"] and b"secret" not in sealed["CiphertextBlob"]
    blob = sealed["CiphertextBlob"]
    opened = kms.decrypt(CiphertextBlob=blob, EncryptionContext=dict(reversed(context.items())))
    assert (opened["Plaintext"], opened["KeyId"]) == (b"secret", key["Arn"])
    changed = blob[:-1] + bytes([blob[-1] ^ 1])
    for wrong in (
        {"CiphertextBlob": blob},
        {"CiphertextBlob": blob, "EncryptionContext": {"purpose": "test"}},
        {"CiphertextBlob": changed, "EncryptionContext": context},
        {"CiphertextBlob": b"x" * 100},
        {"CiphertextBlob": b"x"},
    ):
        assert code_of(kms.decrypt, **wrong) == (400, "InvalidCiphertextException")
    other = kms.create_key()["KeyMetadata"]["KeyId"]
    assert code_of(kms.decrypt, CiphertextBlob=blob, KeyId=other)[1] == "IncorrectKeyException"


def test_data_keys_come_with_and_without_their_plaintext(kms, key):
    context = {"a": "b"}
    made = kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_256", EncryptionContext=context)
    assert len(made["Plaintext"]) == 32
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=context)
    assert opened["Plaintext"] == made["Plaintext"]
    assert len(kms.generate_data_key(KeyId=key["KeyId"], KeySpec="AES_128")["Plaintext"]) == 16
    assert len(kms.generate_data_key(KeyId=key["KeyId"], NumberOfBytes=1024)["Plaintext"]) == 1024
    alone = kms.generate_data_key_without_plaintext(KeyId=key["KeyId"], NumberOfBytes=5)
    assert "Plaintext" not in alone
    assert len(kms.decrypt(CiphertextBlob=alone["CiphertextBlob"])["Plaintext"]) == 5
    assert code_of(kms.generate_data_key, KeyId=key["KeyId"])[1] == "ValidationException"
    both = {"KeySpec": "AES_256", "NumberOfBytes": 32}
    assert code_of(kms.generate_data_key, KeyId=key["KeyId"], **both)[1] == "ValidationException"
    assert len(kms.generate_random(NumberOfBytes=33)["Plaintext"]) == 33


def test_a_ciphertext_moves_to_another_key(kms, key):
    other = kms.create_key()["KeyMetadata"]
    sealed = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret", EncryptionContext={"a": "b"})
    moved = kms.re_encrypt(
        CiphertextBlob=sealed["CiphertextBlob"],
        SourceEncryptionContext={"a": "b"},
        DestinationKeyId=other["KeyId"],
        DestinationEncryptionContext={"c": "d"},
    )
    assert (moved["SourceKeyId"], moved["KeyId"]) == (key["Arn"], other["Arn"])
    kms.disable_key(KeyId=key["KeyId"])
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"c": "d"})
    assert opened["Plaintext"] == b"secret"


def test_rotation_gives_new_material_and_keeps_the_old(kms, key):
    """The seed: "existing objects remain encrypted with the old material"."""
    before = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"before")["CiphertextBlob"]
    kms.rotate_key_on_demand(KeyId=key["KeyId"])
    after = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"after")["CiphertextBlob"]
    assert before[:21] != after[:21]
    assert [kms.decrypt(CiphertextBlob=blob)["Plaintext"] for blob in (before, after)] == [
        b"before",
        b"after",
    ]
    assert [one["RotationType"] for one in kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"]] == [
        "ON_DEMAND"
    ]


def test_a_key_is_rotated_by_itself_when_it_is_due(kms, key, root):
    assert not kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=90)
    status = kms.get_key_rotation_status(KeyId=key["KeyId"])
    assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 90
    assert (status["NextRotationDate"] - key["CreationDate"]).days == 90
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    assert kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"] == []
    make_due(root, "rotates_at", key["KeyId"])
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")
    done = kms.list_key_rotations(KeyId=key["KeyId"])["Rotations"]
    assert [one["RotationType"] for one in done] == ["AUTOMATIC"]
    kms.disable_key_rotation(KeyId=key["KeyId"])
    assert not kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
    for days in (89, 2561):
        refused = code_of(kms.enable_key_rotation, KeyId=key["KeyId"], RotationPeriodInDays=days)
        assert refused[1] == "ValidationException"


def make_due(root, column, key_id):
    """What is to happen by the clock is due now."""
    with sqlite3.connect(root / "metadata.sqlite3") as database:
        database.execute(f"UPDATE kms_keys SET {column} = 1 WHERE key_id = ?", (key_id,))


def test_a_disabled_key_opens_nothing_until_it_is_enabled(kms, key):
    """The seed: "cannot be decrypted until the key is re-enabled"."""
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret")["CiphertextBlob"]
    kms.disable_key(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"
    this = {"KeyId": key["KeyId"]}
    for call, given in (
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.encrypt, {**this, "Plaintext": b"x"}),
        (kms.generate_data_key, {**this, "KeySpec": "AES_256"}),
        (kms.re_encrypt, {"CiphertextBlob": blob, "DestinationKeyId": key["KeyId"]}),
        (kms.rotate_key_on_demand, this),
        (kms.enable_key_rotation, this),
    ):
        assert code_of(call, **given) == (400, "DisabledException")
    kms.enable_key(KeyId=key["KeyId"])
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"


def test_a_key_waits_for_its_deletion_and_may_be_saved(kms, key):
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret")["CiphertextBlob"]
    this = {"KeyId": key["KeyId"]}
    for days in (6, 31):
        refused = code_of(kms.schedule_key_deletion, **this, PendingWindowInDays=days)
        assert refused[1] == "ValidationException"
    assert code_of(kms.cancel_key_deletion, **this)[1] == "KMSInvalidStateException"
    done = kms.schedule_key_deletion(**this, PendingWindowInDays=7)
    assert (done["KeyState"], done["PendingWindowInDays"]) == ("PendingDeletion", 7)
    shown = kms.describe_key(**this)["KeyMetadata"]
    assert shown["KeyState"] == "PendingDeletion" and shown["DeletionDate"] == done["DeletionDate"]
    for call, given in (
        (kms.decrypt, {"CiphertextBlob": blob}),
        (kms.encrypt, {**this, "Plaintext": b"x"}),
        (kms.enable_key, this),
        (kms.disable_key, this),
        (kms.schedule_key_deletion, this),
        (kms.create_alias, {"AliasName": "alias/x", "TargetKeyId": key["KeyId"]}),
    ):
        assert code_of(call, **given) == (400, "KMSInvalidStateException")
    kms.cancel_key_deletion(**this)
    assert kms.describe_key(**this)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.enable_key(**this)
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"


def test_after_its_waiting_period_a_key_is_gone_with_its_material(kms, key, root):
    kms.create_alias(AliasName="alias/gone", TargetKeyId=key["KeyId"])
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"secret")["CiphertextBlob"]
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    make_due(root, "deletion_at", key["KeyId"])
    assert code_of(kms.describe_key, KeyId=key["KeyId"])[1] == "NotFoundException"
    assert code_of(kms.decrypt, CiphertextBlob=blob)[1] == "NotFoundException"
    assert code_of(kms.describe_key, KeyId="alias/gone")[1] == "NotFoundException"
    assert kms.list_keys()["Keys"] == []
    with sqlite3.connect(root / "metadata.sqlite3") as database:
        for table in ("kms_keys", "kms_materials", "kms_aliases"):
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def given_to(principal, action, **more):
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*", **more}


ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def test_a_policy_names_who_may_use_the_key(server, kms, key):
    writer, stranger = client_of(server, "writer"), client_of(server, "stranger")
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    for client in (writer, stranger):
        assert code_of(client.decrypt, CiphertextBlob=blob) == (400, "AccessDeniedException")
    kms.put_key_policy(
        KeyId=key["KeyId"],
        Policy=policy(
            given_to(ROOT, "kms:*"),
            given_to(arn_of("writer"), "kms:Decrypt"),
            given_to(OTHER_ACCOUNT, "kms:Decrypt"),
        ),
    )
    for client in (writer, stranger):
        assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        assert code_of(client.encrypt, KeyId=key["Arn"], Plaintext=b"x")[1] == "AccessDeniedException"
    shown = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
    assert len(json.loads(shown)["Statement"]) == 3
    assert kms.list_key_policies(KeyId=key["KeyId"])["PolicyNames"] == ["default"]


def test_without_the_account_in_it_a_policy_is_all_that_counts(server, kms, key):
    only_writer = policy(given_to(arn_of("writer"), "kms:*"))
    refused = code_of(kms.put_key_policy, KeyId=key["KeyId"], Policy=only_writer)
    assert refused[1] == "MalformedPolicyDocumentException"
    kms.put_key_policy(KeyId=key["KeyId"], Policy=only_writer, BypassPolicyLockoutSafetyCheck=True)
    assert code_of(kms.describe_key, KeyId=key["KeyId"])[1] == "AccessDeniedException"
    admin = client_of(server, "admin")
    assert code_of(admin.describe_key, KeyId=key["KeyId"])[1] == "AccessDeniedException"
    assert client_of(server, "writer").describe_key(KeyId=key["KeyId"])


def test_a_policy_asks_for_the_encryption_context(server, kms, key):
    condition = {"StringEquals": {"kms:EncryptionContext:team": "blue"}}
    text = policy(given_to(ROOT, "kms:*"), given_to(arn_of("writer"), "kms:Encrypt", Condition=condition))
    kms.put_key_policy(KeyId=key["KeyId"], Policy=text)
    encrypt, given = client_of(server, "writer").encrypt, {"KeyId": key["KeyId"], "Plaintext": b"x"}
    assert encrypt(**given, EncryptionContext={"team": "blue"})
    assert code_of(encrypt, **given, EncryptionContext={"team": "red"})[1] == "AccessDeniedException"
    assert code_of(encrypt, **given)[1] == "AccessDeniedException"


def test_a_denial_in_the_policy_wins(server, kms, key):
    denial = given_to("*", "kms:Decrypt") | {"Effect": "Deny"}
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    kms.put_key_policy(KeyId=key["KeyId"], Policy=policy(given_to(ROOT, "kms:*"), denial))
    for name in ("keeper", "admin"):
        assert code_of(client_of(server, name).decrypt, CiphertextBlob=blob)[1] == "AccessDeniedException"


def test_what_is_no_policy_is_refused(kms, key):
    for wrong in ("{", "{}", policy(allow("kms:*")), policy(given_to("nobody", "kms:*"))):
        refused = code_of(kms.put_key_policy, KeyId=key["KeyId"], Policy=wrong)
        assert refused[1] == "MalformedPolicyDocumentException"
    assert code_of(kms.get_key_policy, KeyId=key["KeyId"], PolicyName="other")[1] == "NotFoundException"


def test_keys_are_seen_in_their_own_account_only(server, kms, key):
    stranger = client_of(server, "stranger")
    assert stranger.list_keys()["Keys"] == []
    assert code_of(stranger.describe_key, KeyId=key["KeyId"])[1] == "NotFoundException"
    assert code_of(stranger.describe_key, KeyId=key["Arn"])[1] == "AccessDeniedException"
    writer = client_of(server, "writer")
    for call in (writer.list_keys, writer.list_aliases, writer.create_key):
        assert code_of(call) == (400, "AccessDeniedException")


def test_tags_and_descriptions_are_changed(kms):
    tags = [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}]
    key_id = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    kms.tag_resource(KeyId=key_id, Tags=[{"TagKey": "b", "TagValue": "3"}])
    kms.untag_resource(KeyId=key_id, TagKeys=["a"])
    assert kms.list_resource_tags(KeyId=key_id)["Tags"] == [{"TagKey": "b", "TagValue": "3"}]
    kms.update_key_description(KeyId=key_id, Description="")
    assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["Description"] == ""
    refused = code_of(kms.tag_resource, KeyId=key_id, Tags=[{"TagKey": "aws:x", "TagValue": "1"}])
    assert refused[1] == "TagException"
    many = [{"TagKey": str(number), "TagValue": ""} for number in range(50)]
    assert code_of(kms.tag_resource, KeyId=key_id, Tags=many)[1] == "LimitExceededException"


def test_what_this_server_does_not_make_is_refused(kms):
    for wrong in (
        {"KeySpec": "RSA_2048"},
        {"KeyUsage": "SIGN_VERIFY"},
        {"MultiRegion": True},
        {"Origin": "EXTERNAL"},
    ):
        assert code_of(kms.create_key, **wrong) == (400, "UnsupportedOperationException")
    assert code_of(kms.get_public_key, KeyId="x")[1] == "UnknownOperationException"


def test_a_trial_run_changes_nothing(kms, key):
    assert code_of(kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", DryRun=True) == (
        412,
        "DryRunOperationException",
    )


def test_materials_are_sealed_in_the_database(kms, key, root):
    with sqlite3.connect(root / "metadata.sqlite3") as database:
        ((material,),) = database.execute(
            "SELECT material FROM kms_materials WHERE key_id = ?", (key["KeyId"],)
        ).fetchall()
    assert len(material) > 32 + 32


@pytest.mark.parametrize(
    "body", [b"[]", b"nonsense", b'{"KeyId": 1}', b'{"KeyId": "a", "KeyId": "b"}', b"[" * 60]
)
def test_a_body_that_is_no_object_is_refused_in_json(server, body):
    import urllib.request
    from urllib.error import HTTPError

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    headers = {"X-Amz-Target": "TrentService.DescribeKey", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", server.endpoint, data=body, headers=headers)
    SigV4Auth(Credentials("keeper-key", "keeper-secret"), "kms", "us-east-1").add_auth(request)
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(server.endpoint, body, dict(request.headers)))
    answer = json.loads(refused.value.read())
    assert (refused.value.code, answer["__type"]) == (400, "SerializationException")
