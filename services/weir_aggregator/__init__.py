"""The aggregator: the only place where availability is computed, and orders are planned.

It owns no truth. It follows the books of the ledger and what is configured in sharing, partitioning and sync by
export and watch, keeps of each tenant a **projection** (the counts of every stock item, the last day of every lot,
what is claimed of shares, the configuration, and a **table** of levels made of all that) and answers from that what
every channel may sell. What an order is filled with is planned on the same state, and promised by the ledger. Kill
it, and it builds itself again from the same streams.

Words: a **mark** is the revisions, one of each context, that a projection has reached; a **pass** applies one commit,
or lets a day end, and computes the levels that can have changed by it. Units are **earmarked** for an order that waits
from the pass in which they come to the one in which the ledger has promised them.

Laws:

* Within one context a commit is applied whole, in order; an answer rests on one mark, which it names.
* A question that names revisions is answered at or after all of them, or refused; never before.
* Stock and claims come in the same commits: what is left of a share is never of another moment than the supply.
* A level equals what the trace of its computation explains, to the unit, and is never negative.
* A watcher that has received everything up to a mark knows every level at that mark, as of the same day.
* A plan is a proposal: what is promised of it the ledger decides, and where the books moved the next plan is made of
  what they are now. What was reserved under a request id is answered again by every replica, whatever is there since.
* An order takes no more of a supply that is divided than its channel group has left of its share, and carries the claim
  by which the ledger counts it; what it is refused it could not have had by books that are newer than it. What is
  planned again, or waited for, counts against no share.
* An order is planned again under the terms it was accepted under, which the ledger keeps with its reservation.
* A channel by custody sells what is in the custody of the person who sells through it, and of his hub while that shares
  it; no other channel does. An order takes his own first. Of what anybody else has nothing is told.
* Levels, plans and explanations are those of the stock without what is earmarked; earmarks follow from the books and
  the day alone, first come first served, so every replica has the same.
* Where a context cannot be reached the projection keeps answering at the mark it has, which it names; it never mixes
  two histories of one context.
"""
