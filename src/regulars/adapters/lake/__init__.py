"""The lake as Parquet files, read through DuckDB. Loaded in the analysis process only."""
