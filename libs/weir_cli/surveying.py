"""What the suite holds now, as a folder would say it."""

from __future__ import annotations

from collections.abc import Collection

from weir.common.v1 import revision_pb2
from weir.ledger.v1 import ledger_service_pb2, waiting_service_pb2
from weir.partitioning.v1 import partitioning_service_pb2
from weir.pooling.v1 import pooling_service_pb2
from weir.sharing.v1 import network_pb2, network_service_pb2
from weir.sync.v1 import connection_service_pb2, listing_service_pb2, rule_service_pb2
from weir_cli.merchant.configured import named
from weir_cli.merchant.state import State
from weir_cli.merchant.values import BACK_ORDERS, CONNECTED, DIVIDING, FILES, LISTINGS, LOTS, PEOPLE, SCHEDULES, TELLING
from weir_cli.paging import listed
from weir_cli.session import Session


async def survey(session: Session, files: Collection[str] = FILES) -> State:
    """Locations and the network, and what these files of a folder tell of beside them."""
    state = State()
    marks = [await _locations(session, state), await _network(session, state)]
    if LOTS in files:
        marks.append(await _lots(session, state))
    if BACK_ORDERS in files:
        marks.append(await _back_orders(session, state))
    if not set(DIVIDING).isdisjoint(files):
        marks.append(await _policies(session, state))
    if not set(TELLING).isdisjoint(files):
        marks.append(await _rules(session, state))
    if not set(PEOPLE).isdisjoint(files):
        marks.append(await _people(session, state))
    if not set(CONNECTED).isdisjoint(files):
        marks.append(await _connections(session, state))
    if SCHEDULES in files:
        marks.append(await _schedules(session, state))
    if LISTINGS in files:
        marks.append(await _listings(session, state))
    state.mark = "/".join(f"{each.cluster}:{each.number}" for each in marks)
    return state


async def _locations(session: Session, state: State) -> revision_pb2.Revision:
    found = await listed(session.ledger.ListLocations, ledger_service_pb2.ListLocationsRequest(), "locations")
    state.locations.update((each.location, each) for each in found.found)
    return found.revision


async def _lots(session: Session, state: State) -> revision_pb2.Revision:
    found = await listed(session.ledger.ListLots, ledger_service_pb2.ListLotsRequest(), "lots")
    state.lots.update(((named(each.product), each.lot), each) for each in found.found)
    return found.revision


async def _back_orders(session: Session, state: State) -> revision_pb2.Revision:
    asked = waiting_service_pb2.ListBackOrdersRequest()
    found = await listed(session.waiting.ListBackOrders, asked, "back_orders")
    state.back_orders.update((named(each.product), each) for each in found.found)
    return found.revision


async def _network(session: Session, state: State) -> revision_pb2.Revision:
    revision = revision_pb2.Revision()
    asked = network_service_pb2.ExportNetworkRequest()
    async for part in session.network.ExportNetwork(asked, timeout=session.options.deadline_seconds):
        revision = part.revision
        for each in part.objects:
            _keep(state, each)
    return revision


def _keep(state: State, found: network_pb2.NetworkChange) -> None:
    match found.WhichOneof("object"):
        case "location_setting":
            state.settings[found.location_setting.location] = found.location_setting
        case "warehouse_group":
            state.groups[found.warehouse_group.warehouse_group] = found.warehouse_group
        case "channel_group":
            state.channel_groups[found.channel_group.channel_group] = found.channel_group
        case "channel":
            state.channels[found.channel.channel] = found.channel
        case "group_link":
            state.links[found.group_link.warehouse_group, found.group_link.channel_group] = found.group_link
        case "product_link":
            link = found.product_link
            state.product_links[named(link.source), named(link.destination)] = link
        case "bundle":
            state.bundles[named(found.bundle.product)] = found.bundle


async def _policies(session: Session, state: State) -> revision_pb2.Revision:
    revision = revision_pb2.Revision()
    asked = partitioning_service_pb2.ExportPartitioningRequest()
    async for part in session.partitioning.ExportPartitioning(asked, timeout=session.options.deadline_seconds):
        revision = part.revision
        state.policies.update((each.policy.policy, each.policy) for each in part.objects)
    return revision


async def _rules(session: Session, state: State) -> revision_pb2.Revision:
    revision = revision_pb2.Revision()
    asked = rule_service_pb2.ExportRulesRequest()
    async for part in session.rules.ExportRules(asked, timeout=session.options.deadline_seconds):
        revision = part.revision
        for each in part.objects:
            if each.WhichOneof("object") == "rule":
                state.rules[each.rule.rule] = each.rule
            elif each.WhichOneof("object") == "store_limits":
                state.limits[each.store_limits.store] = each.store_limits
    return revision


async def _people(session: Session, state: State) -> revision_pb2.Revision:
    revision = revision_pb2.Revision()
    asked = pooling_service_pb2.ExportPoolingRequest()
    async for part in session.pooling.ExportPooling(asked, timeout=session.options.deadline_seconds):
        revision = part.revision
        for each in part.objects:
            if each.WhichOneof("object") == "user":
                state.users[each.user.user] = each.user
            else:
                state.pools[each.pool.pool] = each.pool
    return revision


async def _connections(session: Session, state: State) -> revision_pb2.Revision:
    asked = connection_service_pb2.ListConnectionsRequest()
    found = await listed(session.connections.ListConnections, asked, "connections")
    state.connections.update((each.connection, each) for each in found.found)
    return found.revision


async def _schedules(session: Session, state: State) -> revision_pb2.Revision:
    asked = connection_service_pb2.ListSchedulesRequest()
    found = await listed(session.connections.ListSchedules, asked, "schedules")
    state.schedules.update(((each.connection, each.schedule), each) for each in found.found)
    return found.revision


async def _listings(session: Session, state: State) -> revision_pb2.Revision:
    found = await listed(session.listings.ListListings, listing_service_pb2.ListListingsRequest(), "listings")
    state.listings.update(((each.connection, each.store_sku), each) for each in found.found)
    return found.revision
