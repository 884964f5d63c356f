"""Refusals about the chain of digests."""

from weir_chassis.errors import Kind, Refusal


class SigningKeyMissing(Refusal):
    """Heads are signed, and known again, by a key that the ledger was not given."""

    kind = Kind.UNMET
    reason = "SIGNING_KEY_MISSING"

    def __init__(self) -> None:
        """Refuse for want of a key."""
        super().__init__("The ledger was given no key to sign with: WEIR_LEDGER_SIGNING_KEY_FILE names one.")
