"""The rules of the upload protocol, which every portal keeps: one contract for CKAN, Indico and any other.

``RULES`` are functions that take a portal (contract_portal.py); a suite runs each of them against its own.
"""

import contract_aborting
import contract_completing
import contract_creating
import contract_fields
import contract_parts
import contract_whose
from contract_rule import RULES, Rule

__all__ = ["RULES", "Rule"]

#: Each of these adds its rules.
ROOMS = (
    contract_creating,
    contract_fields,
    contract_whose,
    contract_parts,
    contract_completing,
    contract_aborting,
)
