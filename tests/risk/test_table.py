import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "risk-rules.md"
COMMAND = ["-m", "deploy_orchestrator.risk.table"]


def test_the_page_on_risk_rules_is_what_the_rules_say():
    made = subprocess.run([sys.executable, *COMMAND], check=True, capture_output=True, text=True).stdout
    assert PAGE.read_text() == made, f"run: python {' '.join(COMMAND)} > docs/risk-rules.md"
