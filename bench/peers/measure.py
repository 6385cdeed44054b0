"""Times functions and writes them in Google Benchmark's JSON schema, as bench/report reads it."""

import datetime
import json
import math
import statistics
import time


def processor_name():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return "unknown"


def host_seconds(call, min_time):
    """Seconds a call, from as many calls as take `min_time` seconds."""
    count = 1
    while True:
        start = time.perf_counter()
        for _ in range(count):
            call()
        seconds = time.perf_counter() - start
        if seconds >= min_time:
            return seconds / count
        count = max(2 * count, math.ceil(1.2 * count * min_time / max(seconds, 1e-9)))
        count = min(count, 1_000_000)


def entry(family, peer, size, seconds):
    """The median of some repetitions, in seconds, as one benchmark."""
    return {"run_name": f"{family}/{peer}/{size}", "run_type": "aggregate",
            "aggregate_name": "median", "repetitions": len(seconds),
            "real_time": statistics.median(seconds) * 1e9, "time_unit": "ns"}


def write(path, context, benchmarks):
    context = {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
               "processor": processor_name(), **context}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"context": context, "benchmarks": benchmarks}, file, indent=1)
        file.write("\n")


def write_missing(path, what):
    """A file that says why a peer has no figures; bench/report prints the sentence."""
    write(path, {"missing": what}, [])
    print(what)
