"""What data are used for: the record of processing, from the configuration and from what really came."""

import asyncio
from typing import Any

import msgspec
from litestar import Response, get
from litestar.params import FromPath

from regulars.console.visit import Asked, Missing, Visit, needs
from regulars.core.errors import Unavailable
from regulars.runtime.data_report import recorded
from regulars.shop.data_use import data_use
from regulars.shop.data_use_page import markdown, page, tables

_FORMS = {"html": "text/html; charset=utf-8", "json": "application/json", "md": "text/markdown; charset=utf-8"}


@get("/console/data-use", guards=[needs("data_use")])
async def data_use_page(visit: Asked) -> Response[str]:
    """The page."""
    record = await _record(visit)
    told = tables(record, visit.language)
    return visit.html("data_use.html", active="data_use", tables=told, record=record, measured="found" in record)


@get("/console/data-use/record.{form:str}", guards=[needs("data_use")])
async def data_use_file(visit: Asked, form: FromPath[str]) -> Response[Any]:
    """The same to keep: a page, JSON or Markdown."""
    if form not in _FORMS:
        raise Missing
    record = await _record(visit)
    if form == "json":
        content = msgspec.json.format(msgspec.json.encode(record), indent=2).decode()
    else:
        content = (page if form == "html" else markdown)(record, visit.language)
    headers = {"content-disposition": f'attachment; filename="record-of-processing.{form}"'}
    return Response(content, media_type=_FORMS[form], headers=headers)


async def _record(visit: Visit) -> dict[str, Any]:
    """With what the lake holds, as far as it can be asked now."""
    house = visit.house
    services, definitions = house.services, house.definitions
    try:
        return await asyncio.to_thread(recorded, services, definitions, services.analyst, visit.language)
    except Unavailable:
        return data_use(definitions, visit.language)


HANDLERS = (data_use_page, data_use_file)
