"""The upload protocol's contract, with CKAN: every call over HTTP, and processes that are really killed."""

import pytest
from contract_ckan import CkanInTest
from contract_ckan import portal_in_test as portal_in_test  # a fixture
from upload_contract import RULES, Rule


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_ckan(rule: Rule, portal_in_test: CkanInTest) -> None:
    rule(portal_in_test)
