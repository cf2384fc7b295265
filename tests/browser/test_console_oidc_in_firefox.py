"""Signing in to the console with a provider on another site, in Firefox with its own rules for cookies."""

from firefox import Firefox as Firefox
from firefox import firefox as firefox  # a fixture
from test_console_in_firefox import LOADED, complaints, says
from test_console_oidc_in_chromium import console as console  # fixtures
from test_console_oidc_in_chromium import provider as provider

from s3portal.console.serving import ConsoleFrontEnd


def test_leads_there_and_back_and_out_again(
    firefox: Firefox, console: ConsoleFrontEnd, provider: object
) -> None:
    firefox.open(f"{console.url}/buckets/test-bucket/objects")
    firefox.wait_for(says("Sign in with Example University"))
    firefox.click("form[action*='/ui/oidc/'] button")
    firefox.wait_for(f"location.pathname === '/ui/buckets/test-bucket/objects' && {LOADED}")
    assert firefox.run("document.querySelector('header details summary').innerText") == "uploads/anna"
    firefox.run("document.querySelector('header details').setAttribute('open', '')")
    firefox.click("header form button")
    firefox.wait_for(f"location.pathname.endsWith('/end_session') && {LOADED}")
    firefox.open(f"{console.url}/buckets")
    assert firefox.run("location.pathname") == "/ui/sign-in"
    assert complaints(firefox) == []
