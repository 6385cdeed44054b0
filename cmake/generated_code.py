#!/usr/bin/env python3
"""Reads what nvcc made of the kernel catalogue and holds it against a table of expectations.

    generated_code.py --table TABLE --ptx FILE... [--sass FILE...]   exit code 1 when a kernel breaks a rule
    generated_code.py --planted FILE...                              every kernel bad_* must be refused, good_* pass
    generated_code.py --self-test

PTX says what a kernel asks for: the width of its accesses, what stands in its inner loops, local
memory. SASS (the output of cuobjdump -sass) is what runs; there only widths and local memory are read.

A line of the table, the first whose pattern fits the kernel counts:

    pattern | 16-byte loads | 16-byte stores | 64-bit products | divisions | [tensor cores |] why

The first two are the least number of such accesses of global memory, the next two the most integer
products of 64 bits and integer divisions that one inner loop may hold; "any" asks for nothing. A loop
is the natural loop of a back edge of the control flow graph; an inner loop is one without another in
it. Local memory is never allowed. Tensor cores: "products, matrices, copies" are the least numbers of
mma, of ldmatrix and of cp.async of 16 bytes in the smallest loop with an mma; sm_75, which has other
ones, is not asked.
"""
import argparse
import fnmatch
import pathlib
import re
import subprocess
import sys

ENTRY = re.compile(r"\.entry\s+([\w$]+)\s*\(")
LABEL = re.compile(r"^(\$?[\w$]+):")
BRANCH = re.compile(r"^(@!?%\w+\s+)?bra(?:\.uni)?\s+(\$?[\w$]+);")
LEAVES = re.compile(r"^(@!?%\w+\s+)?(ret|exit|trap)\b")
WIDE = r"\.(v4\.[bfsu]32|v2\.[bfsu]64|v4\.b32|v8\.[bfsu]16)\b"
LOAD = re.compile(r"\bld(\.\w+)*\.global(\.\w+)*" + WIDE)
STORE = re.compile(r"\bst(\.\w+)*\.global(\.\w+)*" + WIDE)
PRODUCT = re.compile(r"\b(mul|mad)\.(lo|hi)\.[su]64\b")
DIVISION = re.compile(r"\b(div|rem)\.[su](16|32|64)\b")
TENSOR = [re.compile(p) for p in (r"\bmma\.sync\b", r"\bldmatrix\b", r"\bcp\.async\.cg\b.*\b16\b")]
LOCAL = re.compile(r"(^|\s)(\.local\b|(ld|st)(\.\w+)*\.local\b)")


def kernels_of(ptx):
    """{symbol: lines} of the entries of a PTX file, without comments."""
    found, symbol, depth = {}, None, 0
    for line in ptx.splitlines():
        line = line.split("//")[0].strip()
        if match := ENTRY.search(line):
            symbol, depth = match.group(1), 0
            found[symbol] = []
        if symbol:
            found[symbol].append(line)
            depth += line.count("{") - line.count("}")
            if line == "}" and depth == 0:
                symbol = None
    return found


def blocks_of(lines):
    """Basic blocks: lists of lines, and for each the numbers of the blocks that may follow."""
    blocks, at = [[]], {}
    for line in lines:
        if match := LABEL.match(line):
            if blocks[-1]:
                blocks.append([])
            at[match.group(1)] = len(blocks) - 1
            line = line[match.end():].strip()
        if line:
            blocks[-1].append(line)
            if BRANCH.match(line) or LEAVES.match(line) or line.startswith("brx"):
                blocks.append([])
    follow = []
    for i, block in enumerate(blocks):
        last = block[-1] if block else ""
        after = [i + 1] if i + 1 < len(blocks) else []
        if match := BRANCH.match(last):
            after = [at[match.group(2)]] + (after if match.group(1) else [])
        elif (match := LEAVES.match(last)) and not match.group(1):
            after = []
        elif last.startswith("brx"):
            after = sorted(at.values())  # a table of targets: any label
        follow.append(after)
    return blocks, follow


def natural_loops(follow):
    """The natural loops (sets of block numbers) by the block that they begin with."""
    count = len(follow)
    before = [[] for _ in range(count)]
    for i, after in enumerate(follow):
        for j in after:
            before[j].append(i)
    everything = set(range(count))
    over = [everything for _ in range(count)]  # blocks on every way from the entry
    over[0] = {0}
    changed = True
    while changed:
        changed = False
        for i in range(1, count):
            ways = [over[p] for p in before[i]]
            new = {i} | (set.intersection(*ways) if ways else everything)
            if new != over[i]:
                over[i], changed = new, True
    loops = {}
    for i, after in enumerate(follow):
        for head in after:
            if head not in over[i]:
                continue
            body, stack = loops.setdefault(head, {head}), [i]
            while stack:
                block = stack.pop()
                if block not in body:
                    body.add(block)
                    stack += before[block]
    return loops


def inner_loops(loops):
    """Those that hold no other."""
    return [body for head, body in loops.items()
            if not any(other in body for other in loops if other != head)]


def facts_of(lines):
    """What the rules ask of a kernel."""
    blocks, follow = blocks_of(lines)
    every = natural_loops(follow)

    def lines_in(body):
        return [line for i in sorted(body) for line in blocks[i]]

    loops = [lines_in(body) for body in inner_loops(every)]

    def count(pattern, loop):
        return sum(bool(pattern.search(line)) for line in loop)

    def most(pattern):
        return max((count(pattern, loop) for loop in loops), default=0)

    multiplying = min((loop for loop in map(lines_in, every.values()) if count(TENSOR[0], loop)),
                      key=len, default=[])

    return {"loads": sum(bool(LOAD.search(line)) for line in lines),
            "stores": sum(bool(STORE.search(line)) for line in lines),
            "products": most(PRODUCT), "divisions": most(DIVISION), "loops": len(loops),
            "local": sum(bool(LOCAL.search(line)) for line in lines),
            "tf32": sum("tf32" in line for line in lines),
            "tensor": tuple(count(pattern, multiplying) for pattern in TENSOR)}


def read_table(text):
    table = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            pattern, *numbers, _why = [cell.strip() for cell in line.split("|")]
            names = ("loads", "stores", "products", "divisions")
            tensor = numbers.pop() if len(numbers) > len(names) else None
            wanted = {n: None if v == "any" else int(v) for n, v in zip(names, numbers, strict=True)}
            if tensor:
                wanted["tensor"] = tuple(int(n) for n in tensor.split(","))
            table.append((pattern, wanted))
    return table


def complaints(facts, wanted):
    """What a kernel breaks."""
    wrong = []
    for name in ("loads", "stores"):
        if wanted[name] is not None and facts[name] < wanted[name]:
            wrong.append(f"{facts[name]} {name} of 16 bytes, at least {wanted[name]} expected")
    for name, what in (("products", "integer products of 64 bits"), ("divisions", "integer divisions")):
        if wanted[name] is not None and facts.get(name, 0) > wanted[name]:
            wrong.append(f"{facts[name]} {what} in an inner loop, at most {wanted[name]} allowed")
    for name, least, found in zip(("mma", "ldmatrix", "cp.async of 16 bytes"), wanted.get("tensor", ()),
                                  facts.get("tensor", ())):
        if found < least:
            wrong.append(f"{found} {name} in the loop that multiplies, at least {least} expected")
    if facts["local"]:
        wrong.append(f"{facts['local']} uses of local memory")
    return wrong


def readable(symbols):
    """{symbol: the last name in the template argument of simt::entry, or of the function}."""
    names = subprocess.run(["c++filt"], input="\n".join(symbols), capture_output=True, text=True,
                           check=True).stdout.splitlines()
    short = {}
    for symbol, name in zip(symbols, names):
        match = re.search(r"entry<(?:\w+::)*(\w+)>", name) or re.search(r"(\w+)\s*(?:\(|$)", name)
        short[symbol] = match.group(1) if match else name
    return short


def check(where, kernels, table, read):
    """Complaints about all kernels of a file, and how many there are."""
    wrong = []
    names = readable(list(kernels))
    for symbol, lines in kernels.items():
        wanted = next((w for pattern, w in table if fnmatch.fnmatch(names[symbol], pattern)), None)
        if wanted is None:
            wrong.append(f"{where}: {names[symbol]}: no line of the table fits")
            continue
        if "sm_75" in where:
            wanted = wanted | {"tensor": ()}
        facts = read(lines)
        wrong += [f"{where}: {names[symbol]}: {text}" for text in complaints(facts, wanted)]
        if facts.get("tf32", 0) and "tf32" not in names[symbol]:
            wrong.append(f"{where}: {names[symbol]}: floats are rounded to tf32, which nobody allowed")
    if not kernels:
        wrong.append(f"{where}: no kernel found")
    return wrong


def sass_kernels(text):
    """{symbol: lines} of the output of cuobjdump -sass."""
    found, symbol = {}, None
    for line in text.splitlines():
        if match := re.search(r"Function : (\S+)", line):
            symbol = match.group(1)
            found[symbol] = []
        elif symbol:
            found[symbol].append(line)
    return found


def sass_facts(lines):
    def count(pattern):
        return sum(bool(re.search(pattern, line)) for line in lines)

    return {"loads": count(r"\bLDG\.[\w.]*128\b"), "stores": count(r"\bSTG\.[\w.]*128\b"),
            "local": count(r"\b(LDL|STL)\b")}


STRICT = {"loads": 1, "stores": 1, "products": 0, "divisions": 0}


def planted(files):
    """Every kernel named bad_* must break a rule, every good_* none."""
    wrong = []
    for file in files:
        kernels = kernels_of(file.read_text())
        names = readable(list(kernels))
        good = sum(name.startswith("good_") for name in names.values())
        if not 0 < good < len(names):
            wrong.append(f"{file.name}: good and bad kernels are expected")
        for symbol, lines in kernels.items():
            said = complaints(facts_of(lines), STRICT)
            print(f"{names[symbol]}: {'; '.join(said) or 'nothing to complain of'}")
            if bool(said) == names[symbol].startswith("good_"):
                wrong.append(f"{file.name}: {names[symbol]} was judged wrongly")
    return wrong


def self_test():
    text = """
.visible .entry k(.param .u64 k_param_0)
{
 ld.global.nc.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];
 mul.lo.s64 %rd1, %rd2, %rd3;
$L__BB0_1:
 div.u32 %r1, %r2, %r3;
 @%p0 bra $L__BB0_3;
$L__BB0_2:
 mul.wide.s32 %rd1, %r2, %r3;
 INNER
 @%p1 bra $L__BB0_2;
$L__BB0_3:
 @%p2 bra $L__BB0_1;
 st.global.v2.u64 [%rd1], {%rd2, %rd3};
 ret;
}
"""
    def facts(inner):
        return facts_of(kernels_of(text.replace("INNER", inner))["k"])

    clean = facts("div.rn.f32 %f1, %f2, %f3;")  # the outer loop may divide
    assert clean == {"loads": 1, "stores": 1, "products": 0, "divisions": 0, "loops": 1, "local": 0,
                     "tf32": 0, "tensor": (0, 0, 0)}, clean
    assert not complaints(clean, STRICT)
    for inner in ("div.s64 %rd1, %rd2, %rd3;", "rem.u32 %r1, %r2, %r3;", "mul.hi.u64 %rd1, %rd2, %rd3;",
                  "mad.lo.s64 %rd1, %rd2, %rd3, %rd4;", "ld.local.f32 %f1, [%rd1];"):
        assert complaints(facts(inner), STRICT), inner
    assert complaints(clean, STRICT | {"loads": 2}) and complaints(clean, STRICT | {"stores": 2})
    ring = facts("mma.sync.x {%f1}, {%r1};\n ldmatrix.sync.x {%r1}, [%r2];\n"
                 " cp.async.cg.shared.global [%r1], [%rd1], 16, %r2;")
    assert ring["tensor"] == (1, 1, 1), ring
    assert not complaints(ring, STRICT | {"tensor": (1, 1, 1)})
    assert complaints(ring, STRICT | {"tensor": (1, 1, 2)}) and complaints(clean, STRICT | {"tensor": (1, 0, 0)})
    assert read_table("m | any | any | any | any | 32, 12, 4 | why")[0][1]["tensor"] == (32, 12, 4)
    table = read_table("# comment\nmap_x | 2 | any | 0 | 1 | why\nmap_* | 1 | 1 | 0 | 0 |\n")
    assert table[0] == ("map_x", {"loads": 2, "stores": None, "products": 0, "divisions": 1})
    assert check("t", {"other": []}, table, facts_of) and check("t", {}, table, facts_of)
    named = {"k": ["cvt.rna.tf32.f32 %r1, %f1;"], "k_tf32": ["cvt.rna.tf32.f32 %r1, %f1;"]}
    said = check("t", named, read_table("* | any | any | any | any |"), facts_of)
    assert len(said) == 1 and "nobody allowed" in said[0], said
    sass = sass_facts(["/*0*/ LDG.E.128.CONSTANT R4, [R2] ;", "STG.E.128 [R2], R4 ;", "STL [R1], R2 ;"])
    assert sass == {"loads": 1, "stores": 1, "local": 1}
    print("the rules find what they should")
    return []


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--ptx", nargs="*", type=pathlib.Path, default=[])
    parser.add_argument("--sass", nargs="*", type=pathlib.Path, default=[], help="cubin files")
    parser.add_argument("--cuobjdump", default="cuobjdump")
    parser.add_argument("--planted", nargs="*", type=pathlib.Path)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--show", action="store_true", help="print what was found")
    options = parser.parse_args()
    if options.self_test:
        wrong = self_test()
    elif options.planted:
        wrong = planted(options.planted)
    else:
        wrong, table = [], read_table(options.table.read_text())
        for file in options.ptx:
            kernels = kernels_of(file.read_text())
            wrong += check(file.parent.name, kernels, table, facts_of)
            if options.show:
                for symbol, name in readable(list(kernels)).items():
                    print(file.parent.name, name, facts_of(kernels[symbol]))
        for file in options.sass:
            text = subprocess.run([options.cuobjdump, "-sass", file], capture_output=True, text=True,
                                  check=True).stdout
            wrong += check(file.name, sass_kernels(text), table, sass_facts)
        if not wrong:
            print(f"{len(options.ptx)} PTX and {len(options.sass)} SASS files as the table asks")
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
