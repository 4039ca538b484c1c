"""`plan --cluster`: which cluster a context is of. What one answers is in tests/e2e."""

TWO = """\
clusters:
  - name: here
    server: https://here.example
  - name: there
    server: https://there.example
"""


def test_a_context_is_that_of_the_only_cluster_that_the_plan_is_about(fresh):
    answer = fresh.run("plan", "--environment", "dev", "--cluster", "lost")
    assert answer.code == 2
    assert "context 'lost'" in answer.errors


def test_with_several_clusters_each_context_names_its_own(fresh):
    fleet = (fresh.fleet / "fleet.yaml").read_text()
    rest = fleet[fleet.index("environments:") :]
    fresh.commit("fleet.yaml", TWO + rest.replace("cluster: here", "cluster: there", 1))
    answer = fresh.run("plan", "--cluster", "admin@one")
    assert answer.code == 2
    assert "'admin@one' does not tell which cluster it is the context of" in answer.errors
    assert "--cluster CLUSTER=admin@one, with one of: here, there" in answer.errors
    assert "context 'admin@one'" in fresh.run("plan", "--cluster", "there=admin@one").errors
    assert "context 'one=two'" in fresh.run("plan", "-e", "dev", "--cluster", "one=two").errors


def test_a_cluster_that_is_not_asked_changes_nothing(fresh):
    (plan, *_) = fresh.json("plan", "--environment", "dev")["plans"]
    assert "asked" not in plan
