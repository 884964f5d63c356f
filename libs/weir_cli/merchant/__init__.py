"""A merchant as a folder of CSV files: where stock lies, who sells it, by which rules, and a first delivery of it.

Comma-separated, UTF-8 (a byte order mark does no harm), the first row names the columns, in any order. `columns` has
the columns of every file; those that are not required may be left out, and their cells may be empty. Any file but one
may be absent: what it would say is then taken from what the suite already holds.

Kinds, strategies, conditions and so on are the words of the contracts without their prefix, in any case: WAREHOUSE,
RANKED, SELLABLE. A cell that names several things has commas between them, and quotation marks around a name that holds
one. What has many of something has one row for each: a warehouse group for each of its locations (or one row without,
if it has none), a bundle for each component, a policy for each part. A channel that names no channel group gets one of
its own, named as the channel. `limits.csv` has a row for each product that a store does not sell (DENY), for each of
the only ones it sells (ALLOW; without a product: it sells none), and for the most units it is told of (MAX).

A policy or rule without a priority is placed after all others, or stays where it is. The rows that the child tables
(`policy_parts.csv`, `policy_products.csv`, `rule_products.csv`) have of one are all that it has; where its own row is
in the folder and such a file has none of it, it has none.

`folder` reads files; `rules`, `products`, `dividing` and `telling` judge them together; `configured` turns rows into
the objects of the contracts, `arranging` into the steps that bring them about, `writing` turns objects back into
rows.
"""
