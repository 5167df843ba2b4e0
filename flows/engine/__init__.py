"""What stands between the flow and Prefect: tasks, caching, runners, processes, artifacts.

Nothing of the science, and nothing that a terminal shows.
"""
