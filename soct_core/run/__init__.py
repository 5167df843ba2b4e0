"""One run of the pipeline as a whole: plan, lock, record, warnings, leftovers, verification, settings.

What a single stage does belongs to that stage.
"""
