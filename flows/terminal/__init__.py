"""What a terminal shows of a run: lines, live table, exit codes.

What Prefect's pages show is in the engine.
"""
