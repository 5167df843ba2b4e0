"""Reconstruction of serial optical coherence tomography; pure, without orchestration."""

from soct_core.one_thread import use_one_thread

use_one_thread()
