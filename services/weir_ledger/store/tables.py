"""The tables as the reader's queries name them; the migrations make them."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, SmallInteger, Table, Text, Uuid

_metadata = MetaData()

tenants = Table("tenants", _metadata, Column("tenant", Text), Column("revision", BigInteger))

locations = Table(
    "locations",
    _metadata,
    Column("tenant", Text),
    Column("location", Text),
    Column("kind", SmallInteger),
    Column("display_name", Text),
    Column("revision", BigInteger),
)

lots = Table(
    "lots",
    _metadata,
    Column("tenant", Text),
    Column("owner", Text),
    Column("sku", Text),
    Column("lot", Text),
    Column("expiry", Text),
    Column("revision", BigInteger),
)

claims = Table(
    "claims",
    _metadata,
    Column("tenant", Text),
    Column("claim", Text),
    Column("open", BigInteger),
    Column("fulfilled", BigInteger),
    Column("ceiling", BigInteger),
    Column("epoch", BigInteger),
    Column("subject", Text),
    Column("revision", BigInteger),
)

waiting = Table(
    "waiting",
    _metadata,
    Column("tenant", Text),
    Column("waiting", Uuid),
    Column("state", SmallInteger),
    Column("order_name", Text),
    Column("channel", Text),
    Column("create_revision", BigInteger),
)

waiting_lines = Table(
    "waiting_lines",
    _metadata,
    Column("tenant", Text),
    Column("waiting", Uuid),
    Column("owner", Text),
    Column("sku", Text),
)

back_orders = Table(
    "back_orders",
    _metadata,
    Column("tenant", Text),
    Column("owner", Text),
    Column("sku", Text),
    Column("limit_units", BigInteger),
    Column("waiting_units", BigInteger),
    Column("limit_revision", BigInteger),
    Column("revision", BigInteger),
)

balances = Table(
    "balances",
    _metadata,
    Column("tenant", Text),
    Column("item", Uuid),
    Column("owner", Text),
    Column("sku", Text),
    Column("location", Text),
    Column("lot", Text),
    Column("uom", Text),
    Column("custodian", Text),
    Column("condition", SmallInteger),
    Column("on_hand", BigInteger),
    Column("reserved", BigInteger),
    Column("revision", BigInteger),
    Column("counted_at", DateTime(timezone=True)),
)

shortfalls = Table(
    "shortfalls",
    _metadata,
    Column("tenant", Text),
    Column("item", Uuid),
    Column("revision", BigInteger),
    Column("opened_at", DateTime(timezone=True)),
)

horizons = Table("horizons", _metadata, Column("tenant", Text), Column("revision", BigInteger))

commits = Table(
    "commits",
    _metadata,
    Column("tenant", Text),
    Column("revision", BigInteger),
    Column("recorded_at", DateTime(timezone=True)),
)

entries = Table(
    "entries",
    _metadata,
    Column("tenant", Text),
    Column("revision", BigInteger),
    Column("line", Integer),
    Column("kind", SmallInteger),
    Column("account", SmallInteger),
    Column("item", Uuid),
    Column("on_hand_delta", BigInteger),
    Column("reserved_delta", BigInteger),
    Column("on_hand", BigInteger),
    Column("reserved", BigInteger),
    Column("reservation", Uuid),
    Column("reservation_line", Integer),
    Column("request_id", Text),
    Column("reference", Text),
    Column("occurred_at", DateTime(timezone=True)),
    Column("recorded_at", DateTime(timezone=True)),
)

reservations = Table(
    "reservations",
    _metadata,
    Column("tenant", Text),
    Column("reservation", Uuid),
    Column("state", SmallInteger),
    Column("expires_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True)),
    Column("order_name", Text),
    Column("channel", Text),
    Column("revision", BigInteger),
)

reservation_lines = Table(
    "reservation_lines",
    _metadata,
    Column("tenant", Text),
    Column("reservation", Uuid),
    Column("line", Integer),
    Column("item", Uuid),
    Column("requested", BigInteger),
    Column("quantity", BigInteger),
    Column("open", BigInteger),
    Column("fulfilled", BigInteger),
    Column("released", BigInteger),
)
