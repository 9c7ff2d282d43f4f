"""Know every customer the way the owner of the corner shop did."""
