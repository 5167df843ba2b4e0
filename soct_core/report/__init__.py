"""The pages about a run, made from what it left on disk.

Pictures are made by stages and lie there already: reportlets.
"""
