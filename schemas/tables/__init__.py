"""The CSV tables: what their columns mean, and how files are held to it.

JSON documents have modules of their own.
"""
