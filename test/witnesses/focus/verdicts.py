"""Prints what focus-validator says of each rule for rows in a Parquet file, as JSON.

python verdicts.py RULES_VERSION FILE

Runs in the folder of its packages, because it opens its list of currencies below the working folder.
"""

import contextlib
import io
import json
import logging
import os
import sys

import focus_validator
from focus_validator.validator import Validator

logging.disable(logging.CRITICAL)
version, file = sys.argv[1:]
validator = Validator(
    data_filename=file,
    data_format=None,
    rule_set_path=os.path.join(os.path.dirname(focus_validator.__file__), "rules"),
    rules_version=version,
    output_type="console",
    output_destination=None,
    column_namespace=None,
    focus_dataset="CostAndUsage",
    filter_rules=None,
    rules_force_remote_download=False,
    rules_block_remote_download=True,
    allow_draft_releases=False,
    allow_prerelease_releases=False,
    applicability_criteria="ALL",
    explain_mode=False,
    transpile_dialect=None,
    show_violations=False,
)
with contextlib.redirect_stdout(io.StringIO()):
    validator.load()
    results = validator.validate()


def verdict(result):
    if (result.get("details") or {}).get("skipped"):
        return "skipped"
    return "pass" if result.get("ok") else "fail"


print(json.dumps({rule: verdict(result) for rule, result in results.by_rule_id.items()}))
