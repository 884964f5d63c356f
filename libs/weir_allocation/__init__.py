"""The arithmetic of availability: pure, with a total order on every choice.

A channel's level is what five stages leave of the stock that lies somewhere:

    reach -> supply -> split -> offer -> cap => level

`reach` says which locations may serve a channel, `supply` what they hold for a product: its own stock, what others
lend it, and the bundles that can be put together. `split` divides that among channel groups, `offer` makes of a share
what the sync rule says, `cap` keeps to the limits of the store. Each stage returns a step, which holds the numbers
the next stage goes on with and the steps it is made of: the explanation of a level is the trace of the computation
that made it, and `pipeline` puts the stages together.

    what is configured      network, sharing, policy, rules; all of it together: configuration
    what lies where         stock; as one demand sees it on one day: goods
    what follows from it    pipeline, and from that: sources, advice, exposure, balance
    for many at once        columns
    plans of orders         fulfilment

`columns` does the same arithmetic for many products at once and must agree with the stages on every case; the stages
are what the numbers mean. Nothing here knows the time, a database or another process, and the order in which anything
is given never matters.
"""
