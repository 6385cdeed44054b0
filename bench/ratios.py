#!/usr/bin/env python3
"""Prints a Markdown table of ratios to the peers from Google Benchmark's JSON files.

Each file comes from one bench_* program run with --benchmark_repetitions=5
--benchmark_out=FILE.json. Times are medians of CPU time on the host, of wall time elsewhere; a
ratio above 1 means that Sinter is faster than the peer.
"""

import json
import sys


def medians(paths):
    """{(family, size): {peer: nanoseconds}} in the order of the files."""
    table = {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            runs = json.load(file)["benchmarks"]
        for run in runs:
            if run.get("aggregate_name") != "median":
                continue
            family, peer, size, *rest = run["run_name"].split("/")
            time = run["real_time" if "real_time" in rest else "cpu_time"]
            scale = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}[run["time_unit"]]
            table.setdefault((family, size), {})[peer] = time * scale
    return table


def duration(nanoseconds):
    for unit, scale in (("ms", 1e6), ("us", 1e3)):
        if nanoseconds >= scale:
            return f"{nanoseconds / scale:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def ratio(row, peer):
    return f"{row[peer] / row['sinter']:.2f}" if peer in row else ""


def main():
    print("| benchmark | size | Sinter | loop / Sinter | Eigen / Sinter |")
    print("|---|---|---:|---:|---:|")
    for (family, size), row in medians(sys.argv[1:]).items():
        if "sinter" in row:
            print(f"| {family} | {size} | {duration(row['sinter'])} "
                  f"| {ratio(row, 'loop')} | {ratio(row, 'eigen')} |")


if __name__ == "__main__":
    main()
