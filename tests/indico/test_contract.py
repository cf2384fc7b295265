"""The upload protocol's contract, with Indico: every call over HTTP, and processes that are really killed."""

import pytest
from upload_contract import RULES

# Also on Indico 3.3.
pytestmark = pytest.mark.smoke


@pytest.fixture
def portal_in_test(app, world, monkeypatch):
    """The portal before the contract."""
    from contract_indico import IndicoInTest

    return IndicoInTest(app, world, monkeypatch)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_indico(rule, portal_in_test):
    rule(portal_in_test)
