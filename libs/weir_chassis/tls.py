"""Read TLS files and see that they are what they should be, before a handshake finds out.

Files are renewed while processes run, and not all in one moment: what does not fit together yet is told apart from what
does, so that the former ones are kept until it does.
"""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from weir_chassis.errors import Misconfigured

Stamp = tuple[int, int] | None


class CertificateUnusable(Misconfigured):
    """A TLS file cannot be read or is not what it should be; the text names it."""


def authorities(file: Path) -> bytes:
    """The certificates of `file`, which sign others; raises CertificateUnusable."""
    text = _text(file)
    _certificates(file, text)
    return text


def identity(certificate_file: Path, key_file: Path) -> tuple[bytes, bytes]:
    """Private key and certificate chain, the one made for the other; raises CertificateUnusable."""
    chain, key = _text(certificate_file), _text(key_file)
    certified = _certificates(certificate_file, chain)[0].public_key()
    try:
        own = load_pem_private_key(key, None).public_key()
    except (ValueError, TypeError) as error:
        raise CertificateUnusable(f"{key_file}: not a private key in PEM without a password") from error
    if own != certified:
        raise CertificateUnusable(f"{key_file}: not the key of {certificate_file}")
    return key, chain


def stamp(file: Path) -> Stamp:
    """Differs once the file was changed or replaced; None where it is not there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _certificates(file: Path, text: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text)
    except ValueError as error:
        raise CertificateUnusable(f"{file}: not a certificate in PEM") from error


def _text(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CertificateUnusable(f"{file}: {error.strerror}") from error
