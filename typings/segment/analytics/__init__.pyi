# The part of segment-analytics-python 2.4 that the tests use; the package ships no types.

from segment.analytics.client import Client as Client
