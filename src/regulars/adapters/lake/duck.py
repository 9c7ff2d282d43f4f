"""DuckDB in memory over listed Parquet files: never a database file, never the network."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import msgspec

from regulars.adapters.lake.files import Stale
from regulars.core.errors import Rejected, Unavailable


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What DuckDB may use."""

    memory: str = "1GB"
    threads: int = 1


def connect(limits: Limits, spill: Path) -> duckdb.DuckDBPyConnection:
    """A connection to a database in memory that spills into a folder when the limit is reached."""
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        config={
            "threads": limits.threads,
            "memory_limit": limits.memory,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
            "allow_community_extensions": False,
        }
    )
    # Files never change once they have their name, so a footer read once holds.
    connection.execute("SET parquet_metadata_cache = true")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET enable_progress_bar = false")
    return connection


def parquet(paths: Sequence[Path]) -> str:
    """The SQL text of a table function that reads some files."""
    return f"read_parquet([{', '.join(_literal(str(path)) for path in paths)}])"


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Say what a failure of DuckDB means to whoever asked; defects of ours pass unchanged."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise Unavailable(f"the analysis needs more memory than it may use ({error}); raise its limit") from error
    except duckdb.IOException as error:
        raise Stale(f"the analysis cannot read the lake's files ({error}); restore them from a backup") from error
    except (duckdb.BinderException, duckdb.ParserException, duckdb.ConversionException) as error:
        raise Rejected(f"the analysis does not understand the question: {error}") from error


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
