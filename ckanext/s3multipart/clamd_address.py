"""The address of a clamd: ``clamd://host:port``, or ``clamd+unix:///path`` of its socket."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from s3portal.transfer import Kind

#: clamd.conf(5), TCPSocket.
_PORT = 3310
_HOW = "write it as clamd://localhost:3310 or clamd+unix:///run/clamav/clamd.ctl"


@dataclass(frozen=True)
class ClamdAddress:
    """Where a clamd listens: at a host and port, or, if there is a path, at a socket."""

    host: str = ""
    port: int = _PORT
    path: str = ""

    def __str__(self) -> str:
        return f"clamd+unix://{self.path}" if self.path else f"clamd://{self.host}:{self.port}"


def parse_clamd_address(text: str) -> ClamdAddress:
    """Raises ValueError with words that read on after the setting's name."""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"has a port that is none: {_HOW}") from None
    if parts.username or parts.query or parts.fragment:
        raise ValueError(f"has more than an address: {_HOW}")
    if parts.scheme == "clamd+unix" and not parts.netloc and len(parts.path) > 1:
        return ClamdAddress(path=parts.path)
    if parts.scheme == "clamd" and parts.hostname and parts.path in ("", "/") and port != 0:
        return ClamdAddress(host=parts.hostname, port=port or _PORT)
    raise ValueError(f"is not the address of a clamd: {_HOW}")


def _address(text: str) -> str:
    return str(parse_clamd_address(text)) if text else ""


CLAMD = Kind("clamd", _address)
