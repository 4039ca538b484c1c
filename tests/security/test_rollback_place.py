"""Nobody's release goes where another's is: by a rollback, too."""

import pytest

from deploy_orchestrator.releases import RevertRefused
from tests.desk import TENANT, Desk
from tests.security.test_shared_namespace import KEEPER, SHARED, sharing
from tests.security.test_shared_namespace import TENANT as SHARER


def test_a_rollback_does_not_go_where_another_lives_by_now(desk: Desk) -> None:
    for tenant, namespace in (("blog", "blog-two"), ("news", "blog-dev")):
        own = TENANT.format(environments="dev") + f"namespace: {namespace}\n"
        desk.commit(f"tenants/{tenant}/tenant.yaml", own)
        desk.ship()
        assert desk.run("approve", "dev", tenant, *desk.as_("bob")).code == 0
        desk.ship()
    with desk.orchestrator() as orchestrator:
        news = orchestrator.deployments.release("dev", "news")
        blog = orchestrator.deployments.release("dev", "blog")
        assert news
        assert blog
        assert (news.namespace, blog.namespace) == ("blog-dev", "blog-two")
        with pytest.raises(RevertRefused, match="where dev/news is released by now"):
            orchestrator.roll_back("dev", "blog", "oops")


def test_a_rollback_makes_no_object_again_that_is_anothers_by_now_in_a_namespace_that_they_share(
    fresh: Desk,
) -> None:
    sharing(fresh, one=KEEPER, two=SHARED)
    fresh.commit("tenants/one/values.yaml", "legacy: true\n")
    fresh.ship()
    fresh.commit("tenants/one/values.yaml", "legacy: false\n")
    fresh.ship()
    (fresh.fleet / "tenants/two/values.yaml").write_text("legacy: false\n")
    fresh.commit("tenants/two/tenant.yaml", f"{SHARER}release: one-legacy\n{SHARED}")
    fresh.ship()
    with fresh.orchestrator() as orchestrator:
        before = orchestrator.deployments.release("dev", "one")
        with pytest.raises(RevertRefused, match=r"ConfigMap\.apps\.one-legacy again, which is dev/two's"):
            orchestrator.roll_back("dev", "one", "oops")
        assert orchestrator.deployments.release("dev", "one") == before
