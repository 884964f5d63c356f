"""The aggregator: the only place where availability is computed.

It owns no truth. It follows the books of the ledger and the network of sharing by export and watch, keeps of each
tenant a **projection** (the counts of every stock item, the network, and a **table** of levels made of both) and
answers from that what every channel may sell. Kill it, and it builds itself again from the same streams.

Words: a **mark** is the pair of revisions, one of each context, that a projection has reached; a **pass** applies one
commit and computes the levels it can have changed.

Laws:

* Within one context a commit is applied whole, in order; an answer rests on one mark, which it names.
* A question that names revisions is answered at or after all of them, or refused; never before.
* A level equals what the trace of its computation explains, to the unit, and is never negative.
* A watcher that has received everything up to a mark knows every level at that mark.
* Where a context cannot be reached the projection keeps answering at the mark it has, which it names; it never mixes
  two histories of one context.
"""
