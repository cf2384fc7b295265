"""Settings of a bucket that are stored and shown, and what is answered for those that no bucket has."""

from __future__ import annotations

from dataclasses import replace

import pytest
from s3_callers import BUCKET, client_of, code_of, refusal_of, send, signed_headers, signed_send

from s3portal.server.bucket_settings import notification
from s3portal.server.bucket_settings.notification import NotificationRule
from s3portal.server.bucket_settings.notification_documents import of_xml
from s3portal.server.wire.errors import S3Error
from s3portal.server.wire.xml_documents import parse_document


@pytest.fixture(scope="module")
def s3(shared_server):
    return client_of(shared_server)


def test_tags_from_put_to_delete(s3):
    refusal = refusal_of(s3.get_bucket_tagging, Bucket=BUCKET)
    assert (refusal.status, refusal.code) == (404, "NoSuchTagSet")
    tags = [{"Key": "project", "Value": "Flüsse / Seen"}, {"Key": "a b", "Value": ""}]
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=BUCKET)
    assert code_of(s3.get_bucket_tagging, Bucket=BUCKET) == "NoSuchTagSet"


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([("a", "b"), ("a", "c")], "InvalidTag"),
        ([("x" * 129, "b")], "InvalidTag"),
        ([("a", "x" * 257)], "InvalidTag"),
        ([("aws:a", "b")], "InvalidTag"),
        ([("a<", "b")], "InvalidTag"),
        ([(str(number), "") for number in range(51)], "BadRequest"),
    ],
)
def test_tags_that_s3_refuses(s3, tags, code):
    tag_set = [{"Key": name, "Value": value} for name, value in tags]
    assert code_of(s3.put_bucket_tagging, Bucket=BUCKET, Tagging={"TagSet": tag_set}) == code
    assert code_of(s3.get_bucket_tagging, Bucket=BUCKET) == "NoSuchTagSet"


def encryption_rule(algorithm, **more):
    default = {"SSEAlgorithm": algorithm, **more}
    return {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": False}]}


def test_encryption_is_what_every_bucket_has(s3):
    every = encryption_rule("AES256")
    shown = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]
    assert shown == every
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration=every)
    with_key = encryption_rule("aws:kms", KMSMasterKeyID="k")
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration=with_key)
    assert s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"] == with_key
    for wrong, code in (
        (encryption_rule("AES128"), "MalformedXML"),
        (encryption_rule("AES256", KMSMasterKeyID="k"), "InvalidArgument"),
        ({"Rules": []}, "MalformedXML"),
    ):
        put = s3.put_bucket_encryption
        assert code_of(put, Bucket=BUCKET, ServerSideEncryptionConfiguration=wrong) == code
    s3.delete_bucket_encryption(Bucket=BUCKET)
    assert s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"] == every


WEBSITES = [
    {"IndexDocument": {"Suffix": "index.html"}},
    {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "errors/404.html"}},
    {"RedirectAllRequestsTo": {"HostName": "data.example.org", "Protocol": "https"}},
    {
        "IndexDocument": {"Suffix": "index.html"},
        "RoutingRules": [
            {
                "Condition": {"KeyPrefixEquals": "docs/", "HttpErrorCodeReturnedEquals": "404"},
                "Redirect": {"ReplaceKeyPrefixWith": "documents/", "HttpRedirectCode": "301"},
            }
        ],
    },
]


@pytest.mark.parametrize("website", WEBSITES)
def test_a_website_is_kept_as_it_was_put(s3, website):
    s3.put_bucket_website(Bucket=BUCKET, WebsiteConfiguration=website)
    shown = s3.get_bucket_website(Bucket=BUCKET)
    shown.pop("ResponseMetadata")
    assert shown == website
    s3.delete_bucket_website(Bucket=BUCKET)
    assert code_of(s3.get_bucket_website, Bucket=BUCKET) == "NoSuchWebsiteConfiguration"


@pytest.mark.parametrize(
    ("website", "code"),
    [
        ({}, "InvalidArgument"),
        ({"ErrorDocument": {"Key": "e"}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": "a/b"}}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": ""}}, "InvalidArgument"),
        ({"RedirectAllRequestsTo": {"HostName": "a b"}}, "InvalidArgument"),
        ({"RedirectAllRequestsTo": {"HostName": "h", "Protocol": "ftp"}}, "MalformedXML"),
        (
            {"RedirectAllRequestsTo": {"HostName": "h"}, "IndexDocument": {"Suffix": "i"}},
            "InvalidArgument",
        ),
        ({"IndexDocument": {"Suffix": "i"}, "RoutingRules": [{"Redirect": {}}]}, "MalformedXML"),
        (
            {
                "IndexDocument": {"Suffix": "i"},
                "RoutingRules": [{"Redirect": {"ReplaceKeyWith": "a", "ReplaceKeyPrefixWith": "b"}}],
            },
            "InvalidRequest",
        ),
        (
            {"IndexDocument": {"Suffix": "i"}, "RoutingRules": [{"Redirect": {"HttpRedirectCode": "200"}}]},
            "InvalidArgument",
        ),
    ],
)
def test_websites_that_s3_refuses(s3, website, code):
    assert code_of(s3.put_bucket_website, Bucket=BUCKET, WebsiteConfiguration=website) == code


def test_logging_from_put_to_an_empty_document(shared_server, s3):
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=BUCKET)
    grantee = {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"}
    enabled = {
        "TargetBucket": BUCKET,
        "TargetPrefix": "logs/",
        "TargetGrants": [{"Grantee": grantee, "Permission": "READ"}],
        "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
    }
    s3.put_bucket_logging(Bucket=BUCKET, BucketLoggingStatus={"LoggingEnabled": enabled})
    assert s3.get_bucket_logging(Bucket=BUCKET)["LoggingEnabled"] == enabled
    s3.put_bucket_logging(Bucket=BUCKET, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=BUCKET)
    elsewhere = {"LoggingEnabled": {"TargetBucket": "no-such-bucket", "TargetPrefix": ""}}
    refusal = refusal_of(s3.put_bucket_logging, Bucket=BUCKET, BucketLoggingStatus=elsewhere)
    assert (refusal.status, refusal.code) == (400, "InvalidTargetBucketForLogging")
    body = b"<BucketLoggingStatus><LoggingEnabled/></BucketLoggingStatus>"
    assert signed_send(shared_server, "PUT", f"/{BUCKET}?logging", body=body)[0] == 400


def test_what_no_bucket_has(s3):
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=BUCKET)
    assert s3.get_bucket_request_payment(Bucket=BUCKET)["Payer"] == "BucketOwner"
    s3.put_bucket_request_payment(Bucket=BUCKET, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    requester = {"Payer": "Requester"}
    assert code_of(s3.put_bucket_request_payment, Bucket=BUCKET, RequestPaymentConfiguration=requester) == (
        "NotImplemented"
    )
    assert code_of(s3.get_bucket_replication, Bucket=BUCKET) == "ReplicationConfigurationNotFoundError"
    s3.delete_bucket_replication(Bucket=BUCKET)
    for name in ("analytics", "inventory", "metrics", "intelligent_tiering"):
        listed = getattr(s3, f"list_bucket_{name}_configurations")
        single = getattr(s3, f"get_bucket_{name}_configuration")
        delete = getattr(s3, f"delete_bucket_{name}_configuration")
        assert listed(Bucket=BUCKET)["IsTruncated"] is False
        for call in (single, delete):
            refusal = refusal_of(call, Bucket=BUCKET, Id="x")
            assert (refusal.status, refusal.code) == (404, "NoSuchConfiguration")


@pytest.mark.parametrize(
    "query",
    ["accelerate", "inventory&id=x", "metrics&id=x", "abac", "metadataTable", "restore"],
)
def test_what_is_not_offered_says_so_in_xml(shared_server, query):
    status, headers, body = signed_send(shared_server, "PUT", f"/{BUCKET}?{query}", body=b"<X/>")
    assert (status, headers["content-type"]) == (501, "application/xml")
    assert b"<Code>NotImplemented</Code>" in body


@pytest.mark.parametrize(
    "query",
    ["acl", "policy", "policyStatus", "publicAccessBlock", "ownershipControls", "tagging", "encryption",
     "lifecycle", "notification", "website", "logging", "accelerate", "requestPayment", "analytics",
     "inventory", "metrics", "intelligent-tiering", "replication", "location", "cors"],
)  # fmt: skip
def test_another_expected_owner_and_another_bucket(shared_server, query):
    other = {"x-amz-expected-bucket-owner": "111122223333"}
    status, _, body = signed_send(shared_server, "GET", f"/{BUCKET}?{query}", other)
    assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True)
    headers = signed_headers(
        shared_server, "GET", f"{shared_server.endpoint}/no-such-bucket?{query}", user="admin"
    )
    status, _, body = send(shared_server, "GET", f"/no-such-bucket?{query}", headers)
    assert (status, b"<Code>NoSuchBucket</Code>" in body) == (404, True)


QUEUE = "arn:aws:sqs:us-east-1:000000000000:portal"


def rules_of(content, targets=("portal",)):
    body = f"<NotificationConfiguration>{content}</NotificationConfiguration>".encode()
    return of_xml(parse_document(body, "NotificationConfiguration"), targets)


def queue(arn=QUEUE, events=("s3:ObjectCreated:*",), rule_id="", filters=()):
    listed = "".join(f"<Event>{event}</Event>" for event in events)
    rules = "".join(
        f"<FilterRule><Name>{name}</Name><Value>{value}</Value></FilterRule>" for name, value in filters
    )
    return (
        f"<QueueConfiguration><Id>{rule_id}</Id><Queue>{arn}</Queue>{listed}"
        f"<Filter><S3Key>{rules}</S3Key></Filter></QueueConfiguration>"
    )


def test_notifications_are_rules_about_events_and_keys():
    (rule,) = rules_of(queue(rule_id="r", filters=[("Prefix", "in/"), ("suffix", ".csv")]))
    assert rule == NotificationRule("r", "Queue", QUEUE, ("s3:ObjectCreated:*",), "in/", ".csv")
    assert rule.target == "portal"
    assert rule.matches("ObjectCreated:Put", "in/a.csv")
    assert not rule.matches("ObjectRemoved:Delete", "in/a.csv")
    assert not rule.matches("ObjectCreated:Put", "out/a.csv")
    assert not rule.matches("ObjectCreated:Put", "in/a.txt")
    assert notification.read(notification.write((rule,))) == (rule,)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:portal"
    content = f"<CloudFunction>{arn}</CloudFunction><Event>s3:ObjectRemoved:*</Event>"
    (rule,) = rules_of(f"<CloudFunctionConfiguration>{content}</CloudFunctionConfiguration>")
    assert (rule.kind, rule.target) == ("CloudFunction", "portal")


@pytest.mark.parametrize(
    ("content", "code", "reason"),
    [
        (queue(arn="http://example.org/hook"), "InvalidArgument", "not well formed"),
        (queue(arn=QUEUE + "s"), "InvalidArgument", "Unable to validate"),
        (queue(events=()), "MalformedXML", ""),
        (queue(events=["s3:ObjectEaten:*"]), "InvalidArgument", "not supported"),
        (queue(filters=[("infix", "a")]), "InvalidArgument", "prefix or suffix"),
        (queue(filters=[("prefix", "a"), ("prefix", "b")]), "InvalidArgument", "more than one prefix"),
        (queue(filters=[("prefix", "a" * 1025)]), "InvalidArgument", "1024"),
        (queue(rule_id="r") + queue(rule_id="r", events=["s3:ObjectRemoved:*"]), "InvalidArgument", "unique"),
        (queue() + queue(events=["s3:ObjectCreated:Put"]), "InvalidArgument", "ambiguously"),
        ("<EventBridgeConfiguration/>", "NotImplemented", "EventBridge"),
    ],
)
def test_notifications_that_are_refused(content, code, reason):
    with pytest.raises(S3Error) as refused:
        rules_of(content)
    assert refused.value.code == code
    assert reason in refused.value.message


def test_rules_that_share_no_key_do_not_overlap():
    rules = rules_of(queue(filters=[("prefix", "a/")]) + queue(filters=[("prefix", "b/")]))
    assert len(rules) == 2
    assert not rules[0].overlaps(rules[1])
    assert rules[0].overlaps(replace(rules[0], suffix=".csv"))


def test_without_targets_no_notification_is_taken_and_an_empty_document_is(s3):
    configuration = {"QueueConfigurations": [{"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}]}
    put = s3.put_bucket_notification_configuration
    assert code_of(put, Bucket=BUCKET, NotificationConfiguration=configuration) == "InvalidArgument"
    put(Bucket=BUCKET, NotificationConfiguration={})
    shown = s3.get_bucket_notification_configuration(Bucket=BUCKET)
    assert "QueueConfigurations" not in shown


def test_a_document_that_nothing_protects_is_refused(shared_server):
    body = b"<Tagging><TagSet/></Tagging>"
    unsigned = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    status, _, answer = signed_send(shared_server, "PUT", f"/{BUCKET}?tagging", unsigned, body)
    assert (status, b"Content-MD5" in answer) == (400, True)
    wrong = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    status, _, answer = signed_send(shared_server, "PUT", f"/{BUCKET}?tagging", wrong, body)
    assert (status, b"<Code>BadDigest</Code>" in answer) == (400, True)
