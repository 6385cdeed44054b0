#!/usr/bin/env python3
"""Measures what it costs to compile programs that use Sinter, and prints Markdown tables.

    bench/compile_time.py            every case, five runs each
    bench/compile_time.py --quick    the promised cases alone, three runs each
    bench/compile_time.py --check    as --quick; fails when a promised figure is exceeded 1.5 times

Times are user and system time of the compiler and of what it starts, so that other work on the
machine disturbs them little; medians. One compiler runs at a time. Compilers that are not installed
are left out. nvcc compiles for one architecture, as CMake does with CMAKE_CUDA_ARCHITECTURES=90a;
its passes are run and timed one by one.
"""

import argparse
import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

INCLUDE = Path(__file__).resolve().parent.parent / "include"
SLACK = 1.5
# Seconds that issue and README promise, by case and compiler family.
PROMISED = {
    "one elementwise expression": {"host": 3.5, "nvcc": 7},
    "softmax and layer_norm": {"host": 5.5, "nvcc": 12},
    "each further 8-operation expression": {"host": 0.15, "nvcc": 0.4},
}
HEAD = "#include <sinter/sinter.hpp>\nnamespace sn = sinter;\n"


# ---- the programs


def tree(rng, operations):
    """The text of an expression of so many operations over arrays a, b, c and d."""
    if operations == 0:
        return rng.choice("abcd")
    if rng.random() < 0.3:
        function = rng.choice(["exp", "sqrt", "tanh", "relu", "-", "abs"])
        return f"{function}({tree(rng, operations - 1)})"
    left = rng.randrange(operations)
    operator = rng.choice("+-*/")
    return f"({tree(rng, left)} {operator} {tree(rng, operations - 1 - left)})"


def distinct(count):
    """A program of `count` different 8-operation expressions; longer programs extend shorter ones."""
    rng, texts = random.Random(1), []
    while len(texts) < count:
        text = tree(rng, 8)
        if text not in texts:
            texts.append(text)
    functions = [
        "void f%d(array& r, [[maybe_unused]] const array& a, [[maybe_unused]] const array& b,\n"
        "        [[maybe_unused]] const array& c, [[maybe_unused]] const array& d) {\n"
        "    r = %s;\n}\n" % (i, text)
        for i, text in enumerate(texts)
    ]
    return HEAD + "using array = sn::tensor<float, 2>;\n" + "".join(functions)


ELEMENTWISE = HEAD + """
sn::tensor<float, 1> f(const sn::tensor<float, 1>& a, const sn::tensor<float, 1>& b) {
    return a * b + exp(a);
}
"""
SOFTMAX = HEAD + """
sn::tensor<float, 2> f(const sn::tensor<float, 2>& z) { return softmax(z, sn::axis<-1>); }
sn::tensor<float, 2> g(const sn::tensor<float, 2>& z, const sn::tensor<float, 1>& scale,
                       const sn::tensor<float, 1>& shift) {
    return layer_norm(z, scale, shift);
}
"""
NETWORK = HEAD + """
using sn::axis, sn::keepdims;
using matrix = sn::tensor<float, 2>;
using row = sn::tensor<float, 1>;
struct network { matrix w1, w2; row b1, b2; };
void train(network& n, const matrix& x, const matrix& y, float rate) {
    matrix h = relu(matmul(x, n.w1) + n.b1);
    matrix z = matmul(h, n.w2) + n.b2;
    matrix d = (softmax(z, axis<-1>) - y) / static_cast<float>(x.extent(0));
    matrix e = matmul(d, transpose(n.w2)) * (h > 0.0f);
    n.w2 -= rate * matmul(transpose(h), d);
    n.w1 -= rate * matmul(transpose(x), e);
    n.b2 -= rate * sum(d, axis<0>);
    n.b1 -= rate * sum(e, axis<0>);
}
float loss(const matrix& z, const matrix& y) {
    sn::tensor<float, 0> l = -mean(sum(y * log_softmax(z), axis<-1>));
    return l.item();
}
"""
PROGRAMS = {
    "the header alone": HEAD,
    "one elementwise expression": ELEMENTWISE,
    "softmax and layer_norm": SOFTMAX,
    "1 distinct": distinct(1),
    "17 distinct": distinct(17),
}
MORE_PROGRAMS = {
    "9 distinct": distinct(9),
    "32 distinct": distinct(32),
    "a two-layer network's step and loss": NETWORK,
}


# ---- running compilers


def seconds(command, **options):
    """User and system seconds of a command and its children; stops the program when it fails."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **options)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            log.seek(0)
            text = log.read().decode(errors="replace")
            sys.exit(f"compile_time: {command} failed:\n{text[-4000:]}")
    return usage.ru_utime + usage.ru_stime


class host_compiler:
    family = "host"

    def __init__(self, name):
        self.name = name

    def command(self, source, output, *more):
        return [self.name, "-std=c++20", "-O2", f"-I{INCLUDE}", "-c", source, "-o", output, *more]

    def passes(self, folder, source):
        path = Path(folder, "program.cpp")
        path.write_text(source)
        return {"": seconds(self.command(path, Path(folder, "program.o")))}


class cuda_compiler:
    family = "nvcc"
    name = "nvcc"

    def __init__(self, path):
        self.path = path

    @staticmethod
    def label(command):
        words = command.replace('"', " ").split()
        tool = os.path.basename(words[0])
        if tool != "gcc":
            return tool
        if "-E" not in words:
            return "g++"
        return "preprocessor"

    def passes(self, folder, source):
        path = Path(folder, "program.cu")
        path.write_text(source)
        dry = subprocess.run(
            [self.path, "-std=c++20", "-O2", "-gencode", "arch=compute_90a,code=[compute_90a,sm_90a]",
             f"-I{INCLUDE}", "-c", path, "-o", Path(folder, "program.o"),
             "--keep", "--keep-dir", folder, "--dryrun"],
            capture_output=True, text=True, check=True, cwd=folder)
        settings, times = "", {}
        for line in dry.stderr.splitlines():
            line = line.removeprefix("#$ ")
            if re.match(r"^\w+=", line):
                name, value = line.split("=", 1)
                value = value.strip().replace('"', "")
                settings += f"export {name}='{value}'\n"
            elif not line.startswith("rm "):
                label = self.label(line)
                script = settings + line
                times[label] = times.get(label, 0) + seconds(["bash", "-c", script], cwd=folder)
        return times


def compilers():
    found = [host_compiler(name) for name in ("g++", "clang++") if shutil.which(name)]
    nvcc = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
    return found + ([cuda_compiler(nvcc)] if nvcc else [])


def measure(found, programs, runs):
    """{(program, compiler): {pass: seconds}}, medians. Runs take turns, so that noise is shared."""
    samples = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(runs):
            for name, source in programs.items():
                for compiler in found:
                    for label, value in compiler.passes(folder, source).items():
                        samples.setdefault((name, compiler.name), {}).setdefault(label, []).append(value)
    return {key: {label: statistics.median(v) for label, v in passes.items()}
            for key, passes in samples.items()}


# ---- tables


def marginal(times, compiler):
    """Passes of one more 8-operation expression."""
    one, many = times["1 distinct", compiler], times["17 distinct", compiler]
    return {label: (many[label] - one[label]) / 16 for label in one}


def row_passes(times, case, compiler):
    if case == "each further 8-operation expression":
        return marginal(times, compiler)
    return times[case, compiler]


def print_promises(times, found):
    """The table of promised figures; True when none is exceeded more than SLACK times."""
    print("| case | compiler | promised, s | measured, s | |\n|---|---|---:|---:|---|")
    fine = True
    for case, promises in PROMISED.items():
        for compiler in found:
            promised = promises[compiler.family]
            measured = sum(row_passes(times, case, compiler.name).values())
            word = "kept" if measured <= promised else f"missed, {measured / promised:.2f} times"
            fine = fine and measured <= SLACK * promised
            print(f"| {case} | {compiler.name} | {promised:g} | {measured:.2f} | {word} |")
    return fine


def print_programs(times, programs, found):
    print("\n| program | " + " | ".join(f"{c.name}, s" for c in found) + " |")
    print("|---|" + "---:|" * len(found))
    for name in programs:
        cells = [f"{sum(times[name, c.name].values()):.2f}" for c in found]
        print(f"| {name} | " + " | ".join(cells) + " |")


def print_passes(times, compiler):
    cases = ["the header alone", *PROMISED]
    labels = sorted({label for case in cases for label in row_passes(times, case, compiler)})
    print(f"\nPasses of {compiler}, s:\n\n| case | " + " | ".join(labels) + " |")
    print("|---|" + "---:|" * len(labels))
    for case in cases:
        passes = row_passes(times, case, compiler)
        print(f"| {case} | " + " | ".join(f"{passes.get(label, 0):.2f}" for label in labels) + " |")


def print_report(folder, compiler, case):
    """Where g++ says that its time went."""
    source = Path(folder, "program.cpp")
    source.write_text(PROGRAMS[case])
    text = subprocess.run(compiler.command(source, Path(folder, "program.o"), "-ftime-report"),
                          capture_output=True, text=True, check=True).stderr
    phases = ("phase parsing", "phase lang. deferred", "phase opt and generate",
              "template instantiation", "constant expression evaluation", "overload resolution",
              "callgraph functions expansion", "callgraph ipa passes")
    print(f"\ng++ -ftime-report, {case} (the phases are parts of the whole, the rest overlap):\n")
    print("| phase | user, s |\n|---|---:|")
    for phase in phases:
        found = re.search(r"[ |]" + re.escape(phase) + r"\s*:\s*([\d.]+)", text)
        if found:
            print(f"| {phase} | {found[1]} |")


def print_trace(folder, compiler, case, most):
    """Headers and instantiations by clang's trace."""
    source = Path(folder, "program.cpp")
    source.write_text(PROGRAMS[case])
    subprocess.run(compiler.command(source, Path(folder, "program.o"), "-ftime-trace",
                                    "-ftime-trace-granularity=100"), check=True)
    events = json.loads(Path(folder, "program.json").read_text())["traceEvents"]
    print(f"\nclang++ -ftime-trace, {case}:\n\n| part | ms | events |\n|---|---:|---:|")
    for part in ("Frontend", "Source", "InstantiateFunction", "InstantiateClass", "Backend"):
        total = [e for e in events if e["name"] == f"Total {part}"]
        if total:
            print(f"| {part} | {total[0]['dur'] / 1000:.0f} | {total[0]['args']['count']} |")
    print("\nHeaders, each without what it includes:\n\n| header | ms |\n|---|---:|")
    own = own_times([e for e in events if e["name"] == "Source" and e.get("ph") == "X"])
    for name, micros in sorted(own.items(), key=lambda item: -item[1])[:most]:
        print(f"| {name} | {micros / 1000:.0f} |")


def own_times(events):
    """Duration of each nested event without the events inside it, by the file's short name."""
    events = sorted(events, key=lambda e: (e["ts"], -e["dur"]))
    own, stack = {}, []
    for event in events:
        while stack and event["ts"] >= stack[-1][0]:
            stack.pop()
        name = re.sub(r".*/include/(c\+\+/\d+/)?", "", event["args"]["detail"])
        own[name] = own.get(name, 0) + event["dur"]
        if stack:
            own[stack[-1][1]] -= event["dur"]
        stack.append((event["ts"] + event["dur"], name))
    return own


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="the promised cases alone, three runs")
    parser.add_argument("--check", action="store_true",
                        help=f"fail when a promised figure is exceeded {SLACK} times")
    parser.add_argument("--runs", type=int, help="runs of each case")
    parser.add_argument("--compiler", action="append", help="only this one: g++, clang++ or nvcc")
    arguments = parser.parse_args()
    quick = arguments.quick or arguments.check
    found = [c for c in compilers() if not arguments.compiler or c.name in arguments.compiler]
    if not found:
        sys.exit("compile_time: no such compiler is installed.")
    programs = PROGRAMS if quick else PROGRAMS | MORE_PROGRAMS
    times = measure(found, programs, arguments.runs or (3 if quick else 5))
    fine = print_promises(times, found)
    print_programs(times, programs, found)
    for compiler in found:
        if compiler.family == "nvcc":
            print_passes(times, compiler.name)
    if not quick:
        with tempfile.TemporaryDirectory() as folder:
            for compiler in found:
                if compiler.name == "g++":
                    for case in ("one elementwise expression", "17 distinct"):
                        print_report(folder, compiler, case)
                elif compiler.name == "clang++":
                    print_trace(folder, compiler, "one elementwise expression", 15)
    if arguments.check and not fine:
        sys.exit("compile_time: a promised figure is exceeded more than 1.5 times.")


if __name__ == "__main__":
    main()
