"""The upload protocol's contract, with a plain portal that keeps its uploads in memory."""

import pytest
from doctor_cases import MakeCase
from memory_in_test import MemoryPortalInTest
from upload_contract import RULES, Rule


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_plain_portal(rule: Rule, make_case: MakeCase) -> None:
    rule(MemoryPortalInTest(lambda size_bytes: make_case(max_upload_size=size_bytes).store))
