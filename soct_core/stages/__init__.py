"""The stages of a reconstruction, one module each, named after their task.

Every module holds `VERSION` (raised whenever the same job would give another outcome),
`reads(job)` (fingerprints of all content that the outcome depends on) and `run(job)`.
"""
