"""What the gateway does beside serving has one thread of its own, and leaves none behind."""

import asyncio
import threading
from pathlib import Path

from regulars.core.log import TICK
from regulars.gateway.upkeep import Upkeep
from regulars.runtime import Settings
from regulars.runtime.build import gateway_services, prepare
from regulars.shop import init, load


def test_upkeep_works_in_one_thread_and_ends_it(tmp_path: Path) -> None:
    init(tmp_path / "shop", "Corner")
    settings = Settings(shop=tmp_path / "shop", data=tmp_path / "data")
    prepare(settings)

    async def run() -> list[str]:
        services = gateway_services(settings, load(settings.shop))
        upkeep = Upkeep(services, settings)
        upkeep.start()
        async with asyncio.timeout(10):
            while not threads() or not services.log.head():  # noqa: ASYNC110 - it looks for old records at once
                await asyncio.sleep(0.01)
        seen = threads()
        await upkeep.stop()
        assert [record.kind for record in services.log.read(0)] == [TICK]
        await services.intake.close()
        services.close()
        return seen

    assert len(asyncio.run(run())) == 1
    assert not threads()


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("upkeep")]
