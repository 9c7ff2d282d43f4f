"""The HTTP surface: hot routes as plain ASGI, the rest with OpenAPI from the same types."""
