#!/usr/bin/env python3
"""Compares what ptxas said of the kernel catalogue with the committed table.

    registers.py --nvcc VERSION --table TABLE REPORT...            compares; exit code 1 on a difference
    registers.py --nvcc VERSION --table TABLE --update REPORT...   writes the table (developers only)
    registers.py --self-test

A report is the output of `nvcc -Xptxas -v`. At the nvcc version that the table names, registers and
spills must be equal; at another version only the spills count. A spill needs a reason, which is the
text after the last bar of its line.
"""
import argparse
import hashlib
import pathlib
import re
import subprocess
import sys

COMPILING = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes spill stores, (\d+) bytes spill loads")
REGISTERS = re.compile(r"Used (\d+) registers")
LONGEST_NAME = 110


def readable(symbols):
    """The kernels' names without parameters; a long one ends in a digest of the whole."""
    if not symbols:
        return []
    names = subprocess.run(["c++filt"], input="\n".join(symbols), capture_output=True, text=True,
                           check=True).stdout.splitlines()
    short = []
    for name in names:
        name = re.sub(r"_GLOBAL__N__\w+", "(anonymous namespace)", name)
        name = re.sub(r"^void ", "", name.replace("sinter::", ""))
        depth = 0
        for i, letter in enumerate(name):
            depth += (letter == "<") - (letter == ">")
            if letter == "(" and depth == 0 and not name.startswith("(anonymous", i):
                name = name[:i]
                break
        if len(name) > LONGEST_NAME:
            name = name[:LONGEST_NAME - 10] + "~" + hashlib.sha1(name.encode()).hexdigest()[:8]
        short.append(name.replace("|", "!"))
    return short


def read_report(text):
    """{(architecture, kernel): (registers, spilled bytes)} of one report."""
    rows, symbol, architecture, spill = [], None, None, 0
    for line in text.splitlines():
        if match := COMPILING.search(line):
            symbol, architecture, spill = match.group(1), match.group(2), 0
        elif (match := SPILLS.search(line)) and symbol:
            spill = int(match.group(1)) + int(match.group(2))
        elif (match := REGISTERS.search(line)) and symbol:
            rows.append((symbol, architecture, int(match.group(1)), spill))
            symbol = None
    names = readable([row[0] for row in rows])
    found = {(row[1], name): (row[2], row[3]) for row, name in zip(rows, names)}
    if len(found) != len(rows):
        raise SystemExit("two kernels of the catalogue have one name; make LONGEST_NAME larger")
    return found


def read_table(text):
    """The nvcc version, {key: (registers, spilled bytes)} and {key: reason} of the table."""
    version, values, reasons = "", {}, {}
    for line in text.splitlines():
        if match := re.match(r"# nvcc (\S+)", line):
            version = match.group(1)
        if not line.strip() or line.startswith("#"):
            continue
        architecture, registers, spill, kernel, reason = [cell.strip() for cell in line.split("|")]
        values[architecture, kernel] = int(registers), int(spill)
        if reason:
            reasons[architecture, kernel] = reason
    return version, values, reasons


def write_table(version, found, reasons):
    lines = [f"# nvcc {version}",
             "# Registers and spilled bytes of every kernel. Written by cmake/registers.py --update.",
             "# architecture | registers | spilled bytes | kernel | reason for the spill"]
    lines += [f"{arch} | {registers} | {spill} | {kernel} | {reasons.get((arch, kernel), '')}".rstrip()
              for (arch, kernel), (registers, spill) in sorted(found.items())]
    return "\n".join(lines) + "\n"


def compare(nvcc, version, found, expected, reasons):
    """The sentences to print when something differs."""
    wrong = [f"{arch} {kernel}: spills {spill} bytes and the table gives no reason"
             for (arch, kernel), (_, spill) in sorted(found.items())
             if spill and (arch, kernel) not in reasons]
    if not found:
        wrong.append("the reports name no kernel")
    if nvcc != version:
        return wrong
    for key in sorted(found.keys() | expected.keys()):
        name = " ".join(key)
        if key not in expected:
            wrong.append(f"{name}: not in the table")
        elif key not in found:
            wrong.append(f"{name}: in the table, but not compiled")
        elif found[key] != expected[key]:
            wrong.append(f"{name}: {found[key][0]} registers and {found[key][1]} bytes spilled, "
                         f"the table says {expected[key][0]} and {expected[key][1]}")
    return wrong


def self_test():
    report = ("ptxas info    : Compiling entry function '_Z1kPf' for 'sm_90a'\n"
              "    0 bytes stack frame, {0} bytes spill stores, {0} bytes spill loads\n"
              "ptxas info    : Used {1} registers, used 0 barriers\n")
    clean, spilled, grown = (read_report(report.format(*v)) for v in ((0, 10), (4, 10), (0, 11)))
    assert clean == {("sm_90a", "k"): (10, 0)} and spilled == {("sm_90a", "k"): (10, 8)}
    version, values, reasons = read_table(write_table("13.0", clean, {}))
    assert (version, values, reasons) == ("13.0", clean, {})
    assert not compare("13.0", "13.0", clean, clean, {})
    assert compare("13.0", "13.0", grown, clean, {})
    assert compare("13.0", "13.0", {}, clean, {}) and compare("13.0", "13.0", clean, {}, {})
    assert not compare("13.1", "13.0", grown, clean, {})
    assert compare("13.1", "13.0", spilled, clean, {})
    explained = read_table(write_table("13.0", spilled, {("sm_90a", "k"): "one accumulator too many"}))
    assert not compare("13.0", "13.0", spilled, explained[1], explained[2])
    print("the comparison finds what it should")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nvcc")
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("reports", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    found = {}
    for report in options.reports:
        found |= read_report(report.read_text())
    if not options.update and not options.table.exists():
        raise SystemExit(f"{options.table} does not exist; --update writes it")
    text = options.table.read_text() if options.table.exists() else ""
    version, expected, reasons = read_table(text)
    if options.update:
        options.table.write_text(write_table(options.nvcc, found, reasons))
        version, expected = options.nvcc, found
    wrong = compare(options.nvcc, version, found, expected, reasons)
    print("\n".join(wrong) or f"{len(found)} kernels as the table of nvcc {version} says")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
