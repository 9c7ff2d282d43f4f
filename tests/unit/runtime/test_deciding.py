"""Deciding in a gateway: made ready beside the loop, before the first customer asks."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from regulars.core.errors import Unavailable
from regulars.gateway import process
from regulars.runtime import Services, Settings
from regulars.runtime.build import gateway_services, prepare
from regulars.runtime.deciding import deciding
from regulars.runtime.status import StatusFile
from regulars.shop import init, load


def _run(folder: Path, test: Callable[[Services], Awaitable[None]]) -> None:
    init(folder / "shop", "Corner")
    settings = Settings(shop=folder / "shop", data=folder / "data")
    prepare(settings)

    async def whole() -> None:
        services = gateway_services(settings, load(settings.shop))
        try:
            await test(services)
        finally:
            await services.intake.close()
            services.close()

    asyncio.run(whole())


def test_a_gateway_is_ready_for_decisions_before_anybody_asks(tmp_path: Path) -> None:
    async def test(services: Services) -> None:
        assert services.definitions.placements
        server: Any = SimpleNamespace(started=True)
        status = StatusFile(tmp_path / "status")
        await process.begin(server, status, services)
        status.close()
        flow = deciding(services).flow  # nobody waits for it any more
        assert flow.table.offers == services.definitions.offers

    _run(tmp_path, test)


def test_what_failed_once_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(services: Services) -> None:
        def fails(*_: object, **__: object) -> None:
            raise Unavailable("the disk is away")

        monkeypatch.setattr("regulars.runtime.deciding.OnDecide", fails)
        flow = deciding(services)
        for _ in range(2):
            with pytest.raises(Unavailable, match="the disk is away"):
                await flow.ready()
        monkeypatch.undo()
        await asyncio.gather(flow.ready(), flow.ready())
        assert flow.flow.table is not None

    _run(tmp_path, test)
