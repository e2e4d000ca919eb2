"""Writes numpy.json and python.json: draws of numpy 1.26.4 and of CPython's random, to compare with.

Run with: python3 golden.py, in this folder. Reals are in C's hexadecimal form, which loses nothing.
"""
import hashlib
import json
import random

import numpy as np


def plain(v):
    if isinstance(v, (list, tuple, np.ndarray)):
        return [plain(x) for x in v]
    return float(v).hex() if isinstance(v, float) else int(v)


NUMPY = [
    ("Float64", [], lambda r: r.random_sample()),
    ("Uniform", [-2.5, 80.25], lambda r: r.uniform(-2.5, 80.25)),
    ("Integers", [3, 4], lambda r: r.randint(3, 4)),
    ("Integers", [12, 19], lambda r: r.randint(12, 19)),
    ("Integers", [-5, 1 << 31], lambda r: r.randint(-5, 1 << 31)),
    ("Integers", [0, 1 << 32], lambda r: r.randint(0, 1 << 32)),
    ("Integers", [7, (1 << 32) + 8], lambda r: r.randint(7, (1 << 32) + 8)),
    ("Integers", [-(1 << 63), (1 << 63) - 1], lambda r: r.randint(-(1 << 63), (1 << 63) - 1)),
    ("Exponential", [0.25], lambda r: r.exponential(0.25)),
    ("Normal", [0, 1], lambda r: r.normal(0, 1)),
    ("Lognormal", [4.5, 0.6], lambda r: r.lognormal(4.5, 0.6)),
    ("Lognormal", [3, 0], lambda r: r.lognormal(3, 0)),
    ("Poisson", [0], lambda r: r.poisson(0)),
    ("Poisson", [0.5], lambda r: r.poisson(0.5)),
    ("Poisson", [9.99], lambda r: r.poisson(9.99)),
    ("Poisson", [10], lambda r: r.poisson(10)),
    ("Poisson", [60.5], lambda r: r.poisson(60.5)),
    ("Poisson", [1e6], lambda r: r.poisson(1e6)),
    ("Poisson", [9e18], lambda r: r.poisson(9e18)),
    ("Zipf", [1.05], lambda r: r.zipf(1.05)),
    ("Zipf", [1.5], lambda r: r.zipf(1.5)),
    ("Zipf", [3], lambda r: r.zipf(3)),
    ("Zipf", [700], lambda r: r.zipf(700)),
]

PYTHON = [
    ("Float64", [], lambda r: r.random()),
    ("Uniform", [-2.5, 80.25], lambda r: r.uniform(-2.5, 80.25)),
    ("Bits", [7], lambda r: r.getrandbits(7)),
    ("Bits", [32], lambda r: r.getrandbits(32)),
    ("Bits", [53], lambda r: r.getrandbits(53)),
    ("Bits", [64], lambda r: r.getrandbits(64)),
    ("Below", [1], lambda r: r.randrange(1)),
    ("Below", [10], lambda r: r.randrange(10)),
    ("Below", [1 << 40], lambda r: r.randrange(1 << 40)),
    ("Choice", [37], lambda r: r.choice(range(37))),
    ("Shuffle", [12], lambda r: shuffled(r, 12)),
    ("Sample", [0, 0], lambda r: r.sample(range(0), 0)),
    ("Sample", [21, 5], lambda r: r.sample(range(21), 5)),
    ("Sample", [22, 5], lambda r: r.sample(range(22), 5)),
    ("Sample", [85, 6], lambda r: r.sample(range(85), 6)),
    ("Sample", [86, 6], lambda r: r.sample(range(86), 6)),
    ("Sample", [1000, 30], lambda r: r.sample(range(1000), 30)),
    ("Sample", [40, 40], lambda r: r.sample(range(40), 40)),
]


def shuffled(r, n):
    x = list(range(n))
    r.shuffle(x)
    return x


def runs(seeds, calls, new):
    """One stream a seed: every call three times round, so that kept state is carried from one kind to the next."""
    out = []
    for seed in seeds:
        r = new(seed)
        draws = [[name, args, plain(f(r))] for _ in range(3) for name, args, f in calls]
        out.append({"seed": str(seed), "draws": draws})
    return out


def digests(calls, new):
    """A hash of many draws of a kind, for the kinds that are whole numbers (one real differs in its last bit by libm)."""
    out = []
    for name, args, f in calls:
        if "Poisson Zipf Integers Below Shuffle Sample Float64".find(name) >= 0:
            r, h = new(20265), hashlib.sha256()
            for _ in range(2000):
                h.update(json.dumps(plain(f(r))).encode())
            out.append([name, args, h.hexdigest()])
    return out


def write(name, seeds, calls, new):
    with open(name, "w") as f:
        json.dump({"runs": runs(seeds, calls, new), "digests": digests(calls, new)}, f)
        f.write("\n")


write("numpy.json", [0, 1, 99, 12345, (1 << 32) - 1], NUMPY, np.random.RandomState)
write("python.json", [0, 1, -1, 99, 12345, (1 << 32) - 1, 1 << 32, -(1 << 64) - 7, 10**40], PYTHON, random.Random)
