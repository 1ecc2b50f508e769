"""The service as seen from outside: its HTTP API, its rate limits, its calendar, its line format.

What is done with a downloaded file does not belong here.
"""
