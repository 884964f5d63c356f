"""One function a question or request: `availability` what may be sold, `fulfilment` how an order is filled and
promised, `replanning` how a promise is planned again, `custody` says whose goods are meant; `freshness` has each
begin from a state that is new enough.
"""
