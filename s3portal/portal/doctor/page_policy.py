"""Check: the portal's own pages do not forbid their scripts to send to the store."""

from collections.abc import Iterator

from s3portal.portal.doctor.case import Case
from s3portal.portal.doctor.connection import Connection, NoAnswer
from s3portal.portal.doctor.content_security import forbidding_directive
from s3portal.portal.doctor.web_origin import serialised_origin
from s3portal.portal.findings import Finding
from s3portal.transfer import object_url


def examine_page_policy(case: Case, connection: Connection) -> Iterator[Finding]:
    """Asks for the portal's first page, and says nothing where that cannot be had from here."""
    try:
        answer = connection.send("GET", case.site_url, tries=1)
    except NoAnswer:
        return
    policies = [value for name, value in answer.headers if name.lower() == "content-security-policy"]
    forbidding = forbidding_directive(policies, case.site_url, object_url(case.store, "key"))
    if forbidding is not None:
        origin = serialised_origin(case.store.address.base_url)
        text = f"the portal's own pages forbid their scripts from sending anything to {origin} ({forbidding})"
        mend = f"add {origin} to connect-src in the Content-Security-Policy of {case.site_url}"
        yield case.stops_browsers("page policy", text, mend)
