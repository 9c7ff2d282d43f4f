"""DuckDB in memory over listed Parquet files: never a database file, never the network."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec

from regulars.core.errors import Unavailable


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


def missing(error: duckdb.Error) -> Unavailable:
    """What a failed read means to whoever asked."""
    return Unavailable(f"the analysis failed: {error}; read the manifest again, or `regulars check --data` the files")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
