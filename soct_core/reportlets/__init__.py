"""Reportlets: the pictures and curves that stages leave beside their outputs.

The pages that show them are the report.
"""
