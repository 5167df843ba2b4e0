"""Reconstruction of serial optical coherence tomography; pure, without orchestration."""
