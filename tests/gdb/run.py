#!/usr/bin/env python3
"""Runs GDB on a program full of arrays and compares what gdb/sinter.py shows.

    run.py PROGRAM PRINTERS    exit code 77 where there is no GDB, or it may not run programs
"""
import os
import shutil
import subprocess
import sys

EXPECTED = {
    "x": "tensor<float, 2> (2, 3) on host = [[1, 2, 3], [4, 5, 6.5]]",
    "turned": "tensor<float, 2> (3, 2) on host = [[1, 4], [2, 5], [3, 6.5]]",
    "backwards": "tensor<float, 2> (2, 3) on host = [[3, 2, 1], [6.5, 5, 4]]",
    "nothing": "tensor<float, 2> without memory",
    "number": "tensor<double, 0> () on host = 0.10000000000000001",
    "bytes": "tensor<signed char, 1> (2,) on host = [65, -128]",
    "flags": "tensor<bool, 1> (2,) on host = [true, false]",
    "halves": "tensor<half, 1> (2,) on host = [1.5, -65504]",
    "brains": "tensor<bfloat16, 1> (2,) on host = [0.125, 3]",
    "many": "tensor<long, 1> (1000,) on host = [0, 1, 2, 3, 4, 5, 6, 7, ...]",
    "none": "tensor<float, 2> (0, 3) on host = []",
    "lazy": "lazy expression, nothing computed yet, over 2 arrays",
    "where": "cuda:1",
    "extents": "(1000,)",
    "one": "1",
}


def main():
    program, printers = sys.argv[1:]
    gdb = shutil.which("gdb")
    if not gdb:
        print("skipped: GDB is not installed (Debian: gdb)")
        return 77
    command = [gdb, "-nx", "-batch", "-ex", "set debuginfod enabled off", "-ex", "set width 0",
               "-ex", "set print elements 8", "-ex", "set disable-randomization off", "-x", printers,
               "-ex", "break stop_here", "-ex", "run", "-ex", "up"]
    for name in [*EXPECTED, "elsewhere"]:
        command += ["-ex", f"echo {name}:", "-ex", f"print {name}"]
    ran = subprocess.run([*command, program], capture_output=True, text=True, timeout=120,
                         env={**os.environ, "SINTER_DEVICE": "host"})
    text = ran.stdout + ran.stderr
    if "ptrace" in text and "Operation not permitted" in text:
        print("skipped: GDB may not run programs here")
        return 77
    shown = {}
    for line in ran.stdout.splitlines():
        name, colon, value = line.partition(":$")
        if colon:
            shown[name] = value.partition(" = ")[2]
    wrong = [f"{name} is shown as\n    {shown.get(name)}\nand not as\n    {want}"
             for name, want in EXPECTED.items() if shown.get(name) != want]
    if not shown.get("elsewhere", "").startswith("tensor<float, 1> (2,) on cuda:1 at 0x"):
        wrong.append(f"elsewhere is shown as {shown.get('elsewhere')}")
    print("\n".join(wrong) or f"{len(shown)} values shown as they should be")
    if wrong:
        print(text[-3000:])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
