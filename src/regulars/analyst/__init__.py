"""Analysis in a child process: sealing, histories, counts and training, away from the processes that must be quick.

Only `client`, `protocol` and `bookkeeping` may be imported by those; the rest loads DuckDB, ibis and pyarrow.
"""
