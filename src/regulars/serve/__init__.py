"""The supervisor: starts gateway and updater, starts a dead one again, and stops both in order."""

from regulars.serve.supervisor import serve

__all__ = ["serve"]
