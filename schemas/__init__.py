"""Data contracts of the pipeline: settings, records, tables. Imports no other layer."""
