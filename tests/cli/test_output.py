from deploy_orchestrator.cli.output import show_change
from deploy_orchestrator.manifests import ChartUsed, Manifests, diff
from deploy_orchestrator.risk import Judgement, Reason
from deploy_orchestrator.terms import Verdict


def test_what_reasons_that_are_alike_mean_is_told_once(capsys):
    reasons = [
        Reason(
            rule="check-excepted",
            severity=Verdict.NEEDS_APPROVAL,
            object=f"Deployment apps/{name}",
            saw="runs as root",
            why="Somebody else says.",
            do=do,
        )
        for name, do in (("one", "Read it."), ("two", "Read it."), ("three", "Mend it."))
    ]
    nothing = diff(Manifests(()), Manifests(()))
    show_change(
        "production/web", Judgement(ChartUsed(name="web", version="1.0.0"), nothing, tuple(reasons)), None
    )
    told = capsys.readouterr().out
    assert told.count("runs as root") == len(reasons)
    assert told.count("Read it.") == 1
    assert (
        told.index("two: runs") < told.index("Read it.") < told.index("three: runs") < told.index("Mend it.")
    )
