"""The service as seen from outside: its HTTP API, its rate limits, its calendar, its line format.

The use of downloaded files does not belong here.
"""
