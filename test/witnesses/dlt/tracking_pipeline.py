"""A pipeline with real dlt that keeps its books as the AWS and Azure billing pipelines do.

It has their names, their state and their tracking rows, and no billing rows: those never went through dlt. As a
script it reads one job as JSON from standard input and prints what it did as JSON. Needs `dlt[duckdb]`.
"""

import json
import os
import sys
from datetime import datetime, timezone

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"

import dlt  # noqa: E402

CLOUDS = {
    "aws": {"pipeline": "aws_billing_pipeline", "source": "aws_billing_source", "id": "assembly_id"},
    "azure": {"pipeline": "azure_billing_pipeline", "source": "azure_billing_source", "id": "run_id"},
}


def run(job):
    """Runs one job and returns {"loaded": [months], "skipped": [months]}.

    A job has `cloud`, `database` (a DuckDB file), `folder` (where dlt keeps its local copy), `dataset`, `table`,
    `deliveries` (each `billing_month`, `execution_id`, `rows`, `files`, `format`, `submitted_time`), `form` ("entry",
    or "list" for the older state) and `summary` (false for pipelines older than the run-summary row).
    """
    names = CLOUDS[job["cloud"]]
    told = {"loaded": [], "skipped": []}

    def tracking():
        executions = dlt.current.resource_state().setdefault("loaded_executions", {})
        total = 0
        for delivery in job["deliveries"]:
            month, execution = delivery["billing_month"], delivery["execution_id"]
            known = executions.get(month)
            if known is not None and (execution in known if isinstance(known, list) else known[names["id"]] == execution):
                told["skipped"].append(month)
                continue
            if job.get("form") == "list":
                executions[month] = [*(known or []), execution]
            elif job["cloud"] == "aws":
                executions[month] = {names["id"]: execution, "loaded_at": datetime.now(timezone.utc).isoformat()}
            else:
                executions[month] = {names["id"]: execution, "submitted_time": delivery["submitted_time"]}
            told["loaded"].append(month)
            total += delivery["rows"]
            row = {
                names["id"]: execution,
                "billing_month": month,
                "loaded_at": datetime.now(timezone.utc),
                "row_count": delivery["rows"],
                "file_count": delivery["files"],
            }
            # Only the AWS pipeline has more than one format, and so only it tells.
            yield row | {"format": delivery["format"]} if job["cloud"] == "aws" else row
        if job.get("summary", True):
            yield {
                "run_date": datetime.now(timezone.utc).date().isoformat(),
                "total_rows": total,
                "manifests_processed": len(told["loaded"]),
                "manifests_skipped": len(told["skipped"]),
                "is_run_summary": True,
                "loaded_at": datetime.now(timezone.utc),
            }

    @dlt.source(name=names["source"])
    def source():
        return dlt.resource(tracking, name=f"{job['table']}_load_tracking", write_disposition="append")

    pipeline(job).run(source())
    return told


def pipeline(job):
    """The dlt pipeline of a job."""
    return dlt.pipeline(
        pipeline_name=CLOUDS[job["cloud"]]["pipeline"],
        pipelines_dir=job["folder"],
        destination=dlt.destinations.duckdb(job["database"]),
        dataset_name=job["dataset"],
    )


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin)) | {"dlt": dlt.__version__}))
