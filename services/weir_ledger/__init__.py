"""The ledger: facts and promises.

Owns the stock items and their counts, the entries that made them so, the locations they lie in, until when their lots
can be sold, the reservations that promise units to orders, and the demands of orders that wait for units. Nobody else
in the suite stores a quantity of stock as truth.

Its laws: a movement takes units from one account and puts them into another, so that the sum over all accounts of a
product is always 0; entries are never changed; balances are the fold of the entries; a promise is accepted only if
its units are available at the instant of commit; no more waits of a product than may, and no more is promised of it
than waits; facts always win over promises; a request id has one outcome; the
order of revisions is the order of commits.
"""
