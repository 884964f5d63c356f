"""The arithmetic of availability: pure, with a total order on every choice.

A channel's level is what five stages leave of the stock that lies somewhere; two of them stand here:

    reach -> supply => level

`reach` says which locations may serve a channel, `supply` what they hold for a product. Each stage returns a step,
which holds the numbers the next stage goes on with and the steps it is made of: the explanation of a level is the trace
of the computation that made it. `columns` does the same arithmetic for many products at once and must agree with the
stages on every case; the stages are what the numbers mean.

Nothing here knows the time, a database or another process, and the order in which anything is given never matters.
"""
