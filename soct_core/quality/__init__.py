"""How far a slice can be used, judged against its neighbours: figures, scores, exclusions.

Nothing here excludes a slice from a reconstruction; that is a user's word in `slice_config.csv`.
"""
