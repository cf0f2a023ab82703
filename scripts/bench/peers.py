"""Loads one delivery into a new DuckDB file in the way of another tool: `peers.py WAY JOB.json`.

The job: {"database", "files": [path], "columns": [[name in the header, DuckDB type]], "format": "csv" | "parquet"}.
Prints {"rows", "cost"} of the loaded table, the cost as text.
"""

import json
import os
import sys


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def name(text):
    return '"' + text.replace('"', '""') + '"'


def answer(connection, table, cost):
    rows, total = connection.execute(f"SELECT count(*), CAST(sum({name(cost)}) AS VARCHAR) FROM {table}").fetchone()
    print(json.dumps({"rows": rows, "cost": total}))


def source(job, files):
    listed = "[" + ", ".join(literal(file) for file in files) + "]"
    if job["format"] == "parquet":
        return f"SELECT * FROM read_parquet({listed})"
    columns = ", ".join(f"{literal(column)}: {literal(kind)}" for column, kind in job["columns"])
    return f"SELECT * FROM read_csv({listed}, header = true, columns = {{{columns}}})"


def plain(job):
    """One statement over all files, with the defaults of DuckDB."""
    import duckdb

    connection = duckdb.connect(job["database"])
    connection.execute(f"CREATE TABLE bill AS {source(job, job['files'])}")
    connection.execute("CHECKPOINT")
    answer(connection, "bill", job["cost"])


def per_file(job):
    """One INSERT for each file into a table that was made from the manifest: the published way of JGrubb/open-finops-pipelines."""
    import duckdb

    connection = duckdb.connect(job["database"])
    columns = ", ".join(f"{name(column)} {kind}" for column, kind in job["columns"])
    connection.execute(f"CREATE TABLE bill ({columns})")
    for file in job["files"]:
        connection.execute(f"INSERT INTO bill {source(job, [file])}")
        connection.execute("SELECT count(*) FROM bill").fetchone()
    connection.close()
    answer(duckdb.connect(job["database"]), "bill", job["cost"])


def with_dlt(job):
    """dlt's file system source with its DuckDB reader and Arrow."""
    import dlt
    from dlt.sources.filesystem import filesystem, read_csv_duckdb

    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=job["database"] + ".dlt",
        destination=dlt.destinations.duckdb(job["database"]),
        dataset_name="bills",
    )
    files = filesystem(bucket_url=os.path.dirname(job["files"][0]), file_glob="*.csv.gz")
    kinds = {column: kind for column, kind in job["columns"]}
    pipeline.run(files | read_csv_duckdb(chunk_size=100_000, use_pyarrow=True, dtype=kinds), table_name="bill", write_disposition="replace")
    with pipeline.sql_client() as client:
        cost = client.execute_sql("SELECT column_name FROM information_schema.columns WHERE table_name = 'bill'")
        wanted = "".join(c for c in job["cost"].lower() if c.isalnum())
        column = next(row[0] for row in cost if row[0].replace("_", "") == wanted)
        rows, total = client.execute_sql(f'SELECT count(*), CAST(sum("{column}") AS VARCHAR) FROM bill')[0]
    print(json.dumps({"rows": rows, "cost": total}))


if __name__ == "__main__":
    ways = {"plain": plain, "per-file": per_file, "dlt": with_dlt}
    with open(sys.argv[2]) as file:
        ways[sys.argv[1]](json.load(file))
