"""Reads CSV with Python's csv and decimal, and compares it with what billhouse read: one JSON object a line in, one text out."""

import base64
import csv
import decimal
import io
import json
import sys

csv.field_size_limit(2**30)
decimal.getcontext().prec = 3000


def judge(given):
    text = base64.b64decode(given["bytes"]).decode("utf-8")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    while rows and not rows[0]:
        rows.pop(0)
    width = len(rows[0]) if rows else 0
    rows = [row or [""] for row in rows[1:] if row or width == 1]
    if rows != given["rows"]:
        return f"Python reads {json.dumps(rows)} and billhouse {json.dumps(given['rows'])}."
    if given["sum"] is None:
        return "same"
    cells = [row[-1] for row in rows if row[-1] != ""]
    total = sum((decimal.Decimal(cell.strip(" \t")) for cell in cells), decimal.Decimal(0))
    if total != decimal.Decimal(given["sum"]):
        return f"Python adds up to {total} and billhouse to {given['sum']}."
    return "same"


for line in sys.stdin:
    print(json.dumps(judge(json.loads(line))), flush=True)
