"""Writes golden.json: for each config, what numpy 1.26.4 gives for it, drawn together and then three more.

Run with: python3 golden.py, in this folder. The formulae are those of the package comment.
"""
import json

import numpy as np

CONFIGS = [
    {"distribution": "constant", "value": 7},
    {"distribution": "constant", "value": -2.5},
    {"distribution": "uniform", "min": 1, "max": 1},
    {"distribution": "uniform", "min": 12, "max": 18},
    {"distribution": "uniform", "min": 1, "max": 9007199254740992},
    {"distribution": "uniform", "min": 20.5, "max": 90.5},
    {"distribution": "zipf", "alpha": 1.2, "max": 300},
    {"distribution": "zipf", "alpha": 2.5},
    {"distribution": "zipf", "alpha": 1.5, "max": 10.5},
    {"distribution": "zipf", "alpha": 1.5, "max": -3},
    {"distribution": "poisson", "alpha": 0},
    {"distribution": "poisson", "alpha": 4, "max": 5},
    {"distribution": "poisson", "alpha": 60.5},
    {"distribution": "lognormal", "average": 1000, "max": 5000},
    {"distribution": "lognormal", "average": 90.5, "median_ratio": 0.5},
    {"distribution": "lognormal", "average": 3, "median_ratio": 0.1},
    {"distribution": "lognormal", "mean": 4.5, "sigma": 0.6, "max": 400},
    {"distribution": "lognormal", "mean": 3.4, "sigma": 0},
    {"distribution": "exponential", "mean": 0.25},
    {"distribution": "exponential", "mean": 2, "max": 3},
]


def draw(r, c, n):
    kind, cap = c["distribution"], c.get("max", 0)
    if kind == "constant":
        return np.full(n, c["value"])
    if kind == "uniform":
        if isinstance(c["min"], int) and isinstance(c["max"], int):
            return r.randint(c["min"], c["max"] + 1, n)
        return r.uniform(c["min"], c["max"], n)
    if kind == "zipf":
        x = r.zipf(c["alpha"], n)
    if kind == "poisson":
        x = r.poisson(c["alpha"], n)
    if kind == "exponential":
        x = r.exponential(c["mean"], n)
    if kind == "lognormal":
        if "average" in c:
            a, ratio = c["average"], c.get("median_ratio", 0.85)
            x = r.lognormal(np.log(a * ratio), np.sqrt(2 * np.log(1 / ratio)), n)
            x *= a / np.mean(x)
        else:
            x = r.lognormal(c["mean"], c["sigma"], n)
    if cap:
        x = np.minimum(x, cap)
    return np.round(x) if kind == "lognormal" else x


def main():
    out = []
    for c in CONFIGS:
        for n in (1, 7, 13, 300):
            r = np.random.RandomState(20265)
            x = draw(r, c, n)
            out.append({"config": c, "n": n, "first": x[:7].tolist(), "sum": float(x.sum()), "max": float(x.max()),
                        "then": int(r.randint(0, 1 << 32))})
    with open("golden.json", "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(x) for x in out) + "\n]\n")


main()
