"""Deployments: one typed file per scheduled acquisition."""
