"""Writes golden fixtures: what real dlt leaves in a DuckDB file, case by case.

Usage: golden.py FOLDER, below which a folder is written for the version of dlt that is installed.
"""

import base64
import json
import sys
import tempfile
import uuid
import zlib
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path

from tracking_pipeline import CLOUDS, pipeline, run  # first: it keeps dlt quiet

import dlt
import duckdb
from dlt.common.normalizers.naming.snake_case import NamingConvention
from dlt.common.wei import Wei


def delivery(billing_month, execution_id, rows, files=1, submitted_time=None):
    return {
        "billing_month": billing_month,
        "execution_id": execution_id,
        "rows": rows,
        "files": files,
        "format": "parquet" if submitted_time else "csv",
        "submitted_time": submitted_time,
    }


SEPTEMBER = delivery("2025-09", "1c5b2b96-0e4a-4a57-8f60-0d1f7d1e2a01", 5)
AWS = [
    [delivery("2025-10", "2f6d0c11-7c43-4a0e-93c5-5b1f0a6f9d02", 7, 2), SEPTEMBER],
    [
        delivery("2025-11", "3a917e52-54b1-4c8b-a1de-77e0c9b8aa03", 11),
        delivery("2025-10", "4b02f8c3-11aa-4f5c-8c3b-9d2e4c5d6b04", 9, 3),
        SEPTEMBER,
    ],
]
# Newer reports name an assembly by its time. dlt takes the text for a time where it is the first of its column.
AWS_TIMES = [
    [delivery("2025-10", "20251103T010203Z", 7, 2), delivery("2025-09", "20251002T000000Z", 5)],
    [delivery("2025-11", "20251205T040506Z", 11), delivery("2025-10", "20251204T000000Z", 9, 3)],
]
AZURE = [
    [delivery("2025-10", "0b8c7b2e-6a0b-4d7c-9f5e-3a1d2c4b5e6f", 21, 2, "2025-11-03T05:06:07.1234567Z")],
    [
        delivery("2025-11", "5d2f9a10-1c1b-4e0e-8a55-0f7f3a9f0c11", 13, 1, "2025-12-01T05:06:07.7654321Z"),
        delivery("2025-10", "77aa0c3e-2b6c-4a55-b1de-5f0e9c8d7a66", 22, 2, "2025-11-05T05:06:07Z"),
    ],
]

# Values that a careless reader in another language changes: order, number text, typed values, other scripts.
FOREIGN_STATE = {
    "cursors": {"10": "ten", "9": "nine", "b": 1.0, "a": 9007199254740993, "é": -0.5, "𝄞": 1e300, "\ue000": 1e-7, "": None},
    "typed": [
        Decimal("1.10"),
        datetime(2025, 11, 2, 3, 4, 5, 123456, tzinfo=timezone.utc),
        date(2025, 11, 2),
        uuid.UUID("0b8c7b2e-6a0b-4d7c-9f5e-3a1d2c4b5e6f"),
        b"bytes",
        Wei("12"),
        time(3, 4, 5),
    ],
    "text": "quote \" backslash \\ slash / tab \t newline \n return \r bell \x07 delete \x7f separator \u2028 emoji 😀",
    "nested": {"list": [[], {}, True, False, 0, -1]},
}


def run_foreign_source(job):
    """Another source in the same pipeline: its part of the state must survive billhouse unchanged."""

    @dlt.source(name="other_source")
    def source():
        def rows():
            dlt.current.source_state().update(FOREIGN_STATE)
            yield {"id": 1}

        return dlt.resource(rows, name="other_rows")

    pipeline(job).run(source())


CASES = {
    "aws-fresh": ("aws", [{"deliveries": AWS[0]}]),
    "aws-second-run": ("aws", [{"deliveries": AWS[0]}, {"deliveries": AWS[1]}, {"deliveries": AWS[1]}]),
    "aws-list-form": ("aws", [{"deliveries": AWS[0], "form": "list"}, {"deliveries": AWS[1], "form": "list"}]),
    "aws-list-then-entry": ("aws", [{"deliveries": AWS[0], "form": "list"}, {"deliveries": AWS[1]}]),
    "aws-time-ids": ("aws", [{"deliveries": AWS_TIMES[0]}, {"deliveries": AWS_TIMES[1]}]),
    "aws-time-ids-first": ("aws", [{"deliveries": AWS_TIMES[0]}, {"deliveries": AWS[1]}]),
    "aws-time-ids-later": ("aws", [{"deliveries": AWS[0]}, {"deliveries": AWS_TIMES[1]}]),
    "aws-summary-only": ("aws", [{"deliveries": []}]),
    "aws-before-summaries": ("aws", [{"deliveries": AWS[0], "summary": False}]),
    "aws-foreign-state": ("aws", [{"deliveries": AWS[0]}, "foreign", {"deliveries": AWS[1]}]),
    "azure-second-run": ("azure", [{"deliveries": AZURE[0]}, {"deliveries": AZURE[1]}]),
}

IDENTIFIERS = ["aws_cur_data_load_tracking", "AWS_CUR_load_tracking", "aws-cur-data_load_tracking", "awsCurData_load_tracking",
    "CURData2_load_tracking", "aws__cur_load_tracking", "2025_cur_load_tracking", "_cur_load_tracking", "a+b*c@d|e_load_tracking",
    "aws.cur data_load_tracking", "Kosten_Ü_load_tracking", "billing_", "billing__", "ABC", "aB1C", " spaced "]


def dump(database, dataset):
    """All tables of a dataset as a JSON-ready value. Whole numbers and times are text, as billhouse's driver reads them."""
    with duckdb.connect(database, read_only=True) as connection:
        connection.sql("SET TimeZone = 'UTC'")
        columns = connection.sql(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns()"
            f" WHERE schema_name = '{dataset}' ORDER BY table_name, column_index"
        ).fetchall()
        tables = {}
        for table, name, kind, nullable in columns:
            entry = tables.setdefault(table, {"columns": [], "rows": []})
            entry["columns"].append({"name": name, "type": kind, "nullable": nullable})
        for table, entry in tables.items():
            # The schemas in _dlt_version are long, and billhouse neither reads nor writes them.
            if table == "_dlt_version":
                continue
            chosen = ", ".join(
                f'"{column["name"]}"' if column["type"] == "BOOLEAN" else f'CAST("{column["name"]}" AS VARCHAR) AS "{column["name"]}"'
                for column in entry["columns"]
            )
            relation = connection.sql(f'SELECT {chosen} FROM "{dataset}"."{table}" ORDER BY rowid')
            entry["rows"] = [dict(zip(relation.columns, row)) for row in relation.fetchall()]
        return tables


def write(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=True) + "\n")


def main(root):
    folder = root / dlt.__version__
    folder.mkdir(parents=True, exist_ok=True)
    versions = {"dlt": dlt.__version__, "duckdb": duckdb.__version__}
    for name, (cloud, runs) in CASES.items():
        with tempfile.TemporaryDirectory() as home:
            job = {"cloud": cloud, "database": f"{home}/billing.duckdb", "folder": f"{home}/dlt",
                "dataset": f"{cloud}_billing_data", "table": "aws_cur_data" if cloud == "aws" else "azure_billing_data"}
            for step in runs:
                if step == "foreign":
                    run_foreign_source(job)
                else:
                    run(job | step)
            tables = dump(job["database"], job["dataset"])
            tables.pop("other_rows", None)
            decoded = [zlib.decompress(base64.b64decode(row["state"])).decode() for row in tables["_dlt_pipeline_state"]["rows"]]
            write(folder / f"{name}.json", {"versions": versions, "dataset": job["dataset"], "table": job["table"],
                "pipeline": CLOUDS[cloud]["pipeline"], "source": CLOUDS[cloud]["source"], "tables": tables, "decoded_states": decoded})
    naming = NamingConvention()
    write(folder / "identifiers.json", {"versions": versions, "identifiers": {name: naming.normalize_identifier(name) for name in IDENTIFIERS}})
    print(f"dlt {dlt.__version__}, duckdb {duckdb.__version__}: {len(CASES) + 1} fixtures")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
