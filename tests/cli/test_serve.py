"""`serve` lets nobody in from elsewhere: there is no sign-in yet."""

import pytest


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "deploy.example.com"])
def test_an_address_that_others_reach_is_refused(desk, host):
    answer = desk.run("serve", "--host", host)
    assert answer.code == 2
    assert "would let everybody in" in answer.errors
    assert "127.0.0.1" in answer.errors
