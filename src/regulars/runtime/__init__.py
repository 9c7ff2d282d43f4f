"""What a process of the server is made of: settings, the data folder, adapters, and the services built on them."""

from regulars.runtime.folder import DataFolder, open_folder
from regulars.runtime.services import Answer, Services
from regulars.runtime.settings import Settings, settings

__all__ = ["Answer", "DataFolder", "Services", "Settings", "open_folder", "settings"]
