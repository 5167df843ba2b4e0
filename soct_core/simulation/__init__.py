"""Simulated acquisitions with known truth: phantom, image formation, cutting, error of poses.

Nothing of a reconstruction imports it.
"""
