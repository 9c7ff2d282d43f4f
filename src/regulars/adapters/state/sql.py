"""Every statement on the state, made from the declared tables; SQLite and PostgreSQL understand them alike.

Only names of declared tables and columns are put into a statement; values are always parameters.
"""

import functools
from collections.abc import Mapping, Sequence

from regulars.core.state import COUNTER, Cell, Table

_SQLITE_TYPES = {"int": "INTEGER", "real": "REAL", "text": "TEXT", "blob": "BLOB"}

# ruff: noqa: S608 - see the module's docstring


def create(table: Table) -> list[str]:
    """The table and its indexes for SQLite. A single integer key is the row's own number; others cluster by the key."""
    lone = table.key == 1 and table.columns[0][1] == "int"
    role = " PRIMARY KEY" if lone else " NOT NULL"
    columns = ", ".join(
        f"{_quoted(name)} {_SQLITE_TYPES[kind]}{role if i < table.key else ''}"
        for i, (name, kind) in enumerate(table.columns)
    )
    key = "" if lone else f", PRIMARY KEY ({_names(key_columns(table))})"
    statements = [
        f"CREATE TABLE IF NOT EXISTS {_quoted(table.name)} ({columns}{key}){'' if lone else ' WITHOUT ROWID'}"
    ]
    for index in table.indexes:
        name = _quoted("_".join((table.name, "by", *index)))
        statements.append(f"CREATE INDEX IF NOT EXISTS {name} ON {_quoted(table.name)} ({_names(index)})")
    return statements


def key_columns(table: Table) -> tuple[str, ...]:
    """The columns of the primary key."""
    return table.names()[: table.key]


@functools.lru_cache
def upsert(table: Table) -> str:
    """Insert a row or overwrite the one with its key."""
    rest = table.names()[table.key :]
    marks = ", ".join("?" * len(table.columns))
    action = f"DO UPDATE SET {_taken(rest)}" if rest else "DO NOTHING"
    return (
        f"INSERT INTO {_quoted(table.name)} ({_names(table.names())}) VALUES ({marks}) "
        f"ON CONFLICT ({_names(key_columns(table))}) {action}"
    )


@functools.lru_cache
def upserts(table: Table) -> tuple[str, ...]:
    """`upsert` as statements that leave the indexes of a row alone where its indexed columns stay as they are.

    Naming an indexed column in SET rewrites the index, also with the same value: a page for each row.
    """
    rest = table.names()[table.key :]
    indexed = [c for c in rest if any(c in index for index in table.indexes)]
    others = [c for c in rest if c not in indexed]
    if not indexed:
        return (upsert(table),)
    pairs = [(f"{_quoted(table.name)}.{_quoted(c)}", f"excluded.{_quoted(c)}") for c in indexed]
    same = " AND ".join(f"({a} = {b} OR ({a} IS NULL AND {b} IS NULL))" for a, b in pairs)
    differ = " OR ".join(f"{a} <> {b} OR ({a} IS NULL) <> ({b} IS NULL)" for a, b in pairs)
    marks = ", ".join("?" * len(table.columns))
    insert = (
        f"INSERT INTO {_quoted(table.name)} ({_names(table.names())}) VALUES ({marks}) "
        f"ON CONFLICT ({_names(key_columns(table))})"
    )
    in_place = f"DO UPDATE SET {_taken(others)} WHERE {same}" if others else "DO NOTHING"
    return f"{insert} {in_place}", f"{insert} DO UPDATE SET {_taken(rest)} WHERE {differ}"


def _taken(columns: Sequence[str]) -> str:
    return ", ".join(f"{_quoted(c)} = excluded.{_quoted(c)}" for c in columns)


@functools.lru_cache
def delete(table: Table) -> str:
    """Remove the row with a key."""
    return f"DELETE FROM {_quoted(table.name)} WHERE {_is_key(table)}"


@functools.lru_cache
def get(table: Table) -> str:
    """The row with a key."""
    return f"SELECT {_names(table.names())} FROM {_quoted(table.name)} WHERE {_is_key(table)}"


@functools.lru_cache
def get_some(table: Table, count: int) -> str:
    """The rows with `count` keys of one column."""
    marks = ", ".join("?" * count)
    return f"SELECT {_names(table.names())} FROM {_quoted(table.name)} WHERE {_names(key_columns(table))} IN ({marks})"


def add() -> str:
    """Add to a counter."""
    return (
        f"INSERT INTO {_quoted(COUNTER.name)} ({_names(COUNTER.names())}) VALUES (?, ?, ?, ?) "
        f"ON CONFLICT ({_names(key_columns(COUNTER))}) DO UPDATE SET value = counter.value + excluded.value"
    )


def select(
    table: Table,
    where: Mapping[str, Cell],
    *,
    at_least: Mapping[str, Cell],
    below: Mapping[str, Cell],
    order: Sequence[str],
    limit: int | None,
    offset: int,
) -> tuple[str, list[Cell]]:
    """Rows with equal columns, within half-open ranges, ordered; ties by key."""
    condition, values = _condition(table, where, at_least, below)
    named = [column.removeprefix("-") for column in order]
    columns = [*order, *(c for c in key_columns(table) if c not in named)]
    by = ", ".join(_column(table, c.removeprefix("-")) + (" DESC" if c.startswith("-") else "") for c in columns)
    text = f"SELECT {_names(table.names())} FROM {_quoted(table.name)}{condition} ORDER BY {by}"
    if limit is not None:
        text += " LIMIT ?"
        values.append(limit)
    elif offset:
        text += f" LIMIT {2**62}"  # SQLite knows no OFFSET without LIMIT
    if offset:
        text += " OFFSET ?"
        values.append(offset)
    return text, values


def count(table: Table, where: Mapping[str, Cell], by: str | None) -> tuple[str, list[Cell]]:
    """Rows counted, by a column's values or all."""
    condition, values = _condition(table, where, {}, {})
    if by is None:
        return f"SELECT NULL, count(*) FROM {_quoted(table.name)}{condition}", values
    column = _column(table, by)
    return f"SELECT {column}, count(*) FROM {_quoted(table.name)}{condition} GROUP BY {column}", values


def _condition(
    table: Table, where: Mapping[str, Cell], at_least: Mapping[str, Cell], below: Mapping[str, Cell]
) -> tuple[str, list[Cell]]:
    terms: list[str] = []
    values: list[Cell] = []
    for operator, bounds in (("=", where), (">=", at_least), ("<", below)):
        for name, value in bounds.items():
            if value is None and operator == "=":
                terms.append(f"{_column(table, name)} IS NULL")
            else:
                terms.append(f"{_column(table, name)} {operator} ?")
                values.append(value)
    return (" WHERE " + " AND ".join(terms) if terms else ""), values


def _column(table: Table, name: str) -> str:
    if name not in table.names():
        raise KeyError(f"table {table.name} has no column {name}; it has {', '.join(table.names())}")
    return _quoted(name)


def _is_key(table: Table) -> str:
    return " AND ".join(f"{_quoted(c)} = ?" for c in key_columns(table))


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(_quoted, columns))


def _quoted(name: str) -> str:
    return f'"{name}"'


def group_sizes(table: Table, by: str) -> str:
    """Number of rows of a value of the column, and how many values have it."""
    column = _column(table, by)
    each = f"SELECT count(*) AS n FROM {_quoted(table.name)} GROUP BY {column}"
    return f"SELECT n, count(*) FROM ({each}) GROUP BY n"


def largest_groups(table: Table, by: str) -> str:
    """The values of the column with the most rows; one parameter: how many."""
    column = _column(table, by)
    counted = f"SELECT {column}, count(*) AS n FROM {_quoted(table.name)} GROUP BY {column}"
    return f"{counted} ORDER BY n DESC, {column} LIMIT ?"
