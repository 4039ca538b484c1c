"""Nobody's release goes where another's is: by a rollback, too."""

import pytest

from deploy_orchestrator.releases import RevertRefused
from tests.desk import TENANT, Desk


def test_a_rollback_does_not_go_where_another_lives_by_now(desk: Desk) -> None:
    desk.commit("tenants/blog/tenant.yaml", TENANT.format(environments="dev") + "namespace: blog-two\n")
    desk.ship()
    desk.commit("tenants/news/tenant.yaml", TENANT.format(environments="dev") + "namespace: blog-dev\n")
    desk.ship()
    with desk.orchestrator() as orchestrator:
        news = orchestrator.deployments.release("dev", "news")
        blog = orchestrator.deployments.release("dev", "blog")
        assert news
        assert blog
        assert (news.namespace, blog.namespace) == ("blog-dev", "blog-two")
        with pytest.raises(RevertRefused, match="where dev/news is released by now"):
            orchestrator.roll_back("dev", "blog", "oops")
