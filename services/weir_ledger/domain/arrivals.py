"""Take up what an order has to wait for: no more of a product than may wait, over all orders."""

from weir_ledger.domain.books import Page
from weir_ledger.domain.waiting import Product, Waiting, WaitingDraft, WaitingLine, digested
from weir_ledger.errors import BackOrdersExhausted, Excess


def take_up(page: Page, waiting: str, draft: WaitingDraft) -> Waiting:
    """Let the units of a draft wait, under the identifier `waiting`; raises BackOrdersExhausted.

    Lines of the same product are counted together.
    """
    wanted: dict[Product, int] = {}
    first: dict[Product, int] = {}
    for index, line in enumerate(draft.lines):
        wanted[line.product] = wanted.get(line.product, 0) + line.quantity
        first.setdefault(line.product, index)
    excesses: list[Excess] = []
    for product, units in wanted.items():
        counted = page.back_orders_of(product)
        if counted.waiting + units > counted.limit:
            field = f"waiting.lines[{first[product]}]"
            excesses.append(Excess(field, *product, counted.limit, counted.waiting, units))
    if excesses:
        products = [(each.owner, each.sku) for each in excesses]
        raise BackOrdersExhausted(excesses, revision=page.back_orders_before(products))
    lines = tuple(WaitingLine(each.product, each.quantity, each.quantity) for each in draft.lines)
    demand = Waiting(
        waiting,
        lines,
        page.now,
        whole=draft.whole,
        order=draft.order,
        channel=draft.channel,
        plan_digest=digested(draft.plan),
    )
    return page.keep_demand(demand, draft.plan)
