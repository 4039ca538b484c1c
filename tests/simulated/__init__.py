"""A cluster that runs Argo CD, on this machine and in memory: a real API over HTTP, and nothing behind it.

What it does was seen of the real one, which stays the judge: tests/e2e hold the same contract against that.
"""

from tests.simulated.api_server import ApiServer, Fault
from tests.simulated.argo_cd import ArgoCD
from tests.simulated.objects import Refused
from tests.simulated.serving import serving

__all__ = ["ApiServer", "ArgoCD", "Fault", "Refused", "serving"]
