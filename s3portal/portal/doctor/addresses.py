"""Check: a browser may go from the portal's pages to the store's address, as far as the addresses tell."""

from collections.abc import Iterator

from s3portal.portal.doctor.case import Case
from s3portal.portal.doctor.web_origin import (
    is_blocked_as_mixed_content,
    is_on_this_computer,
    is_private,
    is_trustworthy,
)
from s3portal.portal.findings import Finding


def examine_addresses(case: Case) -> Iterator[Finding]:
    """Nothing is sent."""
    if not case.is_for_browsers:
        return
    store_url, page_url = case.store.address.base_url, case.origin
    setting = case.setting("s3_public_endpoint")
    subject = "address for browsers"
    if page_url == "null":
        text = f"{case.site_url} is not the address of a website, so no rule can allow its pages"
        yield case.wrong("address of the portal", text, "write it as https://data.example.org")
        return
    if is_on_this_computer(store_url) and is_on_this_computer(page_url):
        return
    if is_on_this_computer(store_url):
        text = f"{store_url} points to each visitor's own computer, not to this one"
        yield case.stops_browsers(
            subject, text, f"set {setting} to the address at which visitors reach the store"
        )
    elif is_blocked_as_mixed_content(page_url, store_url):
        text = f"browsers send nothing from pages of {page_url} to {store_url}, which is not encrypted"
        yield case.stops_browsers(
            subject, text, f"serve the store over https, and set {setting} to that address"
        )
    elif is_private(store_url) and not is_private(page_url):
        text = f"{store_url} is an address in a private network; browsers elsewhere cannot reach it"
        yield case.look(subject, text, f"set {setting}, if visitors come from elsewhere")
    if case.store.settings.upload_mode == "sts" and not is_trustworthy(page_url):
        text = f"browsers cannot sign on pages of {page_url}, which are not encrypted; the portal does"
        mend = f"serve the portal over https, or {case.setting('upload_mode')} = presigned"
        yield case.look("upload mode sts", text, mend)
