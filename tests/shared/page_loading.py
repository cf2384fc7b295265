"""How the uploader comes to a page: the scripts that it loads, and a policy that it keeps."""

from collections.abc import Callable

from playwright.sync_api import Page, Route

# Told as they happen; `ours` are those of our scripts, our markup, and of what our scripts fetch.
_WATCH_VIOLATIONS = """
  window.violations = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    const {effectiveDirective, blockedURI, sourceFile, lineNumber} = event;
    const {target} = event;
    const inOurs = target instanceof Element && target.closest(".s3portal-uploader, .s3multipart-file");
    const ours = Boolean(inOurs) || [sourceFile, blockedURI].some((url) => url.includes("s3multipart"));
    window.violations.push({ours, text: [effectiveDirective, blockedURI, sourceFile, lineNumber].join(" ")});
  });
"""


def under_policy(page: Page, connect_src: str, served_at: Callable[[str], str] = str) -> None:
    """Gives the portal's pages a policy, as its web server would; ``served_at`` says where a page of this
    address really is."""
    policy = (
        "default-src 'self'; script-src 'self'; style-src 'self'; worker-src 'self'; "
        f"connect-src {connect_src}"
    )

    def with_policy(route: Route) -> None:
        if route.request.resource_type != "document" or route.request.method != "GET":
            route.fallback()
            return
        answer = route.fetch(url=served_at(route.request.url), max_redirects=0)
        route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy})

    page.add_init_script(_WATCH_VIOLATIONS)
    # Chromium takes pages that a test answered for pages of the internet, which may not reach this machine.
    page.context.grant_permissions(["local-network-access"])
    page.route("**/dataset/**", with_policy)


def violations(page: Page, ours: bool) -> list[str]:
    """What the page was kept from doing, by us or by CKAN's own pages."""
    return [v["text"] for v in page.evaluate("window.violations") if v["ours"] == ours]


def modules(page: Page) -> set[str]:
    """The modules of the uploader that the page asked for."""
    listed = "performance.getEntriesByType('resource').map((entry) => entry.name)"
    return {url for url in page.evaluate(listed) if "/s3multipart/web/" in url}


def preloaded(page: Page) -> set[str]:
    """The modules that the page names in its markup."""
    return set(
        page.evaluate("[...document.querySelectorAll('link[rel=modulepreload]')].map((link) => link.href)")
    )
