"""The state: SQLite on one machine; `sql.py` holds every statement, so that another database can share them."""
