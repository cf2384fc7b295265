"""The private key by which addresses and cookies for CloudFront are signed."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


def private_key_problem(path: str) -> str:
    """What is wrong with the file, to be read after the setting's name; "" where nothing is."""
    try:
        read_private_key(path)
    except ImportError:
        return "needs the Python package cryptography: install s3portal[ckan]"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except (ValueError, TypeError) as error:
        return f"cannot be used: {error}"
    return ""


@lru_cache(maxsize=4)
def read_private_key(path: str) -> "RSAPrivateKey":
    """The key in a PEM file. Raises OSError, ImportError, and ValueError or TypeError for what is no RSA key
    without a password."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(Path(path).read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("it is no RSA key")
    return key
