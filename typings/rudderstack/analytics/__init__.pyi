# The part of rudder-sdk-python 2.1 that the tests use; the package ships no types.
