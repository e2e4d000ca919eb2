"""Writes golden.json: frames as pandas 2.2.3 prints them. Run with: python3 golden.py, in this folder."""
import json
import random

import pandas as pd
import pandas.io.formats.string as fmt

random.seed(20265)


def value():
    kind = random.randrange(12)
    if kind == 0:
        return float("nan")
    if kind == 1:
        return float(random.choice(["inf", "-inf", "0", "1e-7", "1e7", "123456789.5", "-3", "-0.25"]))
    return round(random.lognormvariate(3, 3), random.randrange(8))


def text(columns, rows, precision, width):
    df = pd.DataFrame([r[1] for r in rows], index=[r[0] for r in rows], columns=columns, dtype=float)
    fmt.get_terminal_size = lambda: (width or 100000, 24)
    with pd.option_context("display.precision", precision, "display.max_columns", 0, "display.width", width or 100000):
        return repr(df) + "\n"


out = []
for i in range(150):
    columns = [random.choice(["count", "mean", "p", "99.99%"]) + str(j) for j in range(random.randrange(1, 14))]
    plain = i % 2
    rows = [["row" + "x" * random.randrange(20), [round(random.uniform(0, 999), 3) if plain else value() for _ in columns]]
            for _ in range(random.randrange(1, 5))]
    precision, width = random.choice([2, 6]), random.choice([0, 0, 40, 60, 80, 80, 100, 132])
    want = text(columns, rows, precision, width)
    rows = [[name, [str(v) for v in values]] for name, values in rows]
    out.append({"columns": columns, "rows": rows, "precision": precision, "width": width, "want": want})
with open("golden.json", "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(x) for x in out) + "\n]\n")
