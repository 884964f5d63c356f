"""Try an adapter, and say what became of each law."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import grpc
from rich.text import Text

from weir_chassis.client import Peer
from weir_chassis.settings import ClientSettings, load
from weir_cli import tables
from weir_cli.checking import stores, warehouses
from weir_cli.checking.adapter import Store
from weir_cli.checking.laws import Law, Outcome, Verdict, judged
from weir_cli.checking.warehouses import Warehouse
from weir_cli.options import OK, REFUSED, UNAVAILABLE, Options
from weir_cli.session import Answer

TENANT = "check"
STYLES = {Outcome.KEPT: "green", Outcome.BROKEN: "bold red", Outcome.SKIPPED: "yellow"}


async def check_store(options: Options, target: str, skus: Sequence[str], settle_seconds: float) -> Answer:
    """Try the laws of stores."""
    async with _channels(options, target) as (channel, bare):
        store = Store(channel, skus, bare=bare, settle_seconds=settle_seconds)
        try:
            verdicts = await judged(stores.LAWS, store)
        except grpc.aio.AioRpcError as error:
            return _silent(target, error)
    return _told(stores.LAWS, verdicts)


async def check_warehouse(options: Options, target: str) -> Answer:
    """Try the laws of warehouses."""
    async with _channels(options, target) as (channel, bare):
        try:
            verdicts = await judged(warehouses.LAWS, Warehouse(channel, bare=bare))
        except grpc.aio.AioRpcError as error:
            return _silent(target, error)
    return _told(warehouses.LAWS, verdicts)


@asynccontextmanager
async def _channels(options: Options, target: str) -> AsyncIterator[tuple[grpc.aio.Channel, grpc.aio.Channel | None]]:
    """To the adapter with the token, and without it where there is one."""
    settings = replace(load(ClientSettings, os.environ), deadline_seconds=options.deadline_seconds)
    if options.tls_ca_file is not None:
        settings = replace(settings, tls_ca_file=options.tls_ca_file)
    if options.token_file is not None:
        settings = replace(settings, token_file=options.token_file)
    async with AsyncExitStack() as closing:
        peer = await closing.enter_async_context(Peer(target, settings, tenant=options.tenant or TENANT))
        bare = None
        if settings.token_file is not None:
            without = Peer(target, replace(settings, token_file=None), tenant=options.tenant or TENANT)
            bare = (await closing.enter_async_context(without)).channel
        yield peer.channel, bare


def _told(laws: Sequence[Law[Store]] | Sequence[Law[Warehouse]], verdicts: Sequence[Verdict]) -> Answer:
    sentences = {law.name: law.sentence for law in laws}
    shown = tables.table("law", "", "what it says, or how it is broken")
    for verdict in verdicts:
        said = verdict.why or sentences[verdict.law]
        shown.add_row(verdict.law, Text(verdict.outcome.lower(), style=STYLES[verdict.outcome]), said)
    broken = sum(verdict.outcome is Outcome.BROKEN for verdict in verdicts)
    skipped = sum(verdict.outcome is Outcome.SKIPPED for verdict in verdicts)
    note = f"{len(verdicts) - broken - skipped} kept, {broken} broken, {skipped} skipped"
    document = {
        "laws": [
            {
                "law": verdict.law,
                "outcome": verdict.outcome.value,
                "sentence": sentences[verdict.law],
                "why": verdict.why,
            }
            for verdict in verdicts
        ]
    }
    return Answer(document, [shown, Text(note, style="dim")], REFUSED if broken else OK)


def _silent(target: str, error: grpc.aio.AioRpcError) -> Answer:
    told = f"nobody answers at {target}: {error.code().name}."
    return Answer({"laws": [], "error": told}, [Text.assemble(("No answer: ", "bold red"), told)], UNAVAILABLE)
