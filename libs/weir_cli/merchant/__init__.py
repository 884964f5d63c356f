"""A merchant as a folder of CSV files: where stock lies, who sells it, and a first delivery of it.

Comma-separated, UTF-8 (a byte order mark does no harm), the first row names the columns, in any order:

    locations.csv  location, kind, [display_name], [policy]
    groups.csv     warehouse_group, location, [display_name]
    channels.csv   channel, kind, [channel_group], [display_name]
    links.csv      warehouse_group, channel_group
    stock.csv      sku, location, quantity, [owner], [lot], [uom], [custodian], [condition]

Columns in brackets may be left out, and their cells may be empty. Kinds, policies and conditions are the words of the
contracts without their prefix, in any case: WAREHOUSE, STORE, FACILITY, TRUNK; GLOBAL (default), FIXED; WEBSHOP,
MARKETPLACE, POS, REP, B2B; SELLABLE (default), HOLD, DAMAGED. A group is one row for each of its locations. A channel
that names no channel group gets one of its own, named as the channel. Any file but one may be absent: what it would
say is then taken from what the suite already holds.

`folder` reads files, `rules` judges them together, `loading` brings them into the suite.
"""
