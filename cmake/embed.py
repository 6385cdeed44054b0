#!/usr/bin/env python3
"""embed.py ROOT OUTPUT HEADER...: writes a C++ header that holds the given headers as text.

sinter_embedded::names[i] is the name by which a header is included ("sinter/kernel/map.hpp"),
sinter_embedded::texts[i] its text, for i below sinter_embedded::count.
"""
import pathlib
import sys

PIECE = 8000  # C++ compilers promise no longer string literals than 65536 characters


def main(root, output, headers):
    names, texts = [], []
    for header in sorted(headers):
        text = pathlib.Path(header).read_text()
        pieces = [text[i:i + PIECE] for i in range(0, len(text), PIECE)] or [""]
        texts.append("\n".join(f'R"__sinter__({piece})__sinter__"' for piece in pieces))
        names.append('"' + pathlib.Path(header).relative_to(root).as_posix() + '"')
    lines = ["#pragma once", "namespace sinter_embedded {",
             f"inline constexpr int count = {len(names)};",
             "inline constexpr const char* names[] = {", ",\n".join(names), "};",
             "inline constexpr const char* texts[] = {", ",\n".join(texts), "};", "}", ""]
    path = pathlib.Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


main(sys.argv[1], sys.argv[2], sys.argv[3:])
