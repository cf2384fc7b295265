"""How a download names itself: Content-Disposition by RFC 6266 and RFC 8187, and a Content-Type that runs
nothing.
"""

import re
import unicodedata
from urllib.parse import quote

from s3portal.transfer.keys import NAMELESS, safe_filename

INERT_TYPE = "application/octet-stream"

# RFC 9110, section 8.3.1: type/subtype of tokens; parameters are kept only where they are a plain charset.
_MEDIA = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
_CONTENT_TYPE = re.compile(rf"\s*({_MEDIA}/{_MEDIA})\s*(?:;\s*charset=\"?({_MEDIA})\"?\s*)?(?:;.*)?")

#: Types that a browser runs, or lays out as a page of the site they come from.
_ACTIVE = re.compile(
    r"text/(?:html|xml|xsl|css|x-component|cache-manifest|livescript|jscript|x-server-parsed-html|rdf)"
    r"|(?:text|application)/(?:x-)?(?:java|ecma)script(?:1\.[0-5])?"
    r"|application/(?:xml|xml-dtd|xhtml|xslt|x-shockwave-flash|x-mimearchive|hta|x-httpd-.*|vnd\.wap\.xhtml.*)"
    r"|image/svg(?:-xml)?"
    r"|message/.*"
    r"|multipart/.*"
    r"|.*\+xml"
)
# RFC 8187, attr-char: what stands for itself in an extended parameter.
_ATTR_CHAR = "!#$&+-.^_`|~"


def content_disposition(filename: str, inline: bool = False) -> str:
    """The header for a download that is saved under ``filename``, in ASCII and with nothing that could end
    it.

    Names beyond ASCII are there twice (RFC 6266, appendix D): as near as ASCII comes, and exactly.
    """
    name = safe_filename(filename)
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    # Percent signs too: some browsers decode them here, some do not.
    ascii_name = re.sub(r'["\\%;/]', "_", ascii_name).strip()
    if not ascii_name.strip("."):
        ascii_name = NAMELESS
    elif ascii_name.startswith("."):
        ascii_name = NAMELESS + ascii_name
    disposition = f'{"inline" if inline else "attachment"}; filename="{ascii_name}"'
    if ascii_name != name:
        disposition += f"; filename*=UTF-8''{quote(name, safe=_ATTR_CHAR)}"
    return disposition


def is_content_type(text: str) -> bool:
    """Whether this is a Content-Type that can be sent in a header."""
    return bool(_CONTENT_TYPE.fullmatch(text))


def is_active_type(content_type: str) -> bool:
    """Whether a browser would run what this content type names, or lay it out as a page."""
    match = _CONTENT_TYPE.fullmatch(content_type)
    return match is not None and _ACTIVE.fullmatch(match[1].lower()) is not None


def safe_content_type(content_type: str, *, active: bool = False) -> str:
    """``content_type`` in small letters, or ``application/octet-stream`` where a browser would run what it
    names, unless ``active`` content is wanted, or where it is no content type. Of its parameters only a
    charset stays."""
    match = _CONTENT_TYPE.fullmatch(content_type)
    if match is None or (is_active_type(content_type) and not active):
        return INERT_TYPE
    media_type = match[1].lower()
    return f"{media_type}; charset={match[2].lower()}" if match[2] else media_type
