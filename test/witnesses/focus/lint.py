"""Prints what focus-data-toolkit's lint finds in a Parquet file of the Cost and Usage dataset, as JSON.

python lint.py FILE
"""

import json
import sys
from collections import Counter

from focus_data_toolkit.cli import read_source_rows
from focus_data_toolkit.model.validator import lint_focus_1_4_structure

dataset = "Cost and Usage"
rows = read_source_rows(sys.argv[1], dataset=dataset)
report = lint_focus_1_4_structure(dataset, rows)
counts = Counter((violation.column or "", violation.rule) for violation in report.violations)
findings = [{"rule": f"{column}: {rule}", "rows": count} for (column, rule), count in sorted(counts.items())]
print(json.dumps({"rows": len(rows), "findings": findings}))
