"""Who is calling: a bearer token, verified, becomes a principal with a tenant and a role.

`authenticator(settings, listen)` picks the way: tokens against a key set where one is configured, development mode
otherwise. Both promise the same: `recall` answers without waiting for what was verified a moment ago, `authenticate`
does the work, and whatever is wrong with the caller's proof is a refusal and never an accident.
"""

from weir_chassis.auth.authenticators import (
    Authenticator,
    BearerAuthenticator,
    DevelopmentAuthenticator,
    DevelopmentExposed,
    authenticator,
)
from weir_chassis.auth.keys import FileKeys, Keys, KeysFault, UrlKeys
from weir_chassis.auth.principals import Credentials, Metadata, Principal, Role, credentials

__all__ = [
    "Authenticator",
    "BearerAuthenticator",
    "Credentials",
    "DevelopmentAuthenticator",
    "DevelopmentExposed",
    "FileKeys",
    "Keys",
    "KeysFault",
    "Metadata",
    "Principal",
    "Role",
    "UrlKeys",
    "authenticator",
    "credentials",
]
