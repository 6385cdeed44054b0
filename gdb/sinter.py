"""Shows Sinter's arrays in GDB: element type, shape, device and the elements.

    (gdb) source /usr/share/sinter/gdb/sinter.py
    (gdb) print x
    $1 = tensor<float, 2> (2, 3) on host = [[1, 2, 3], [4, 5, 6]]

The line may stand in ~/.gdbinit. As many elements are shown as `set print elements` says; of an array
in CUDA's memory, which GDB cannot read, its address. cuda-gdb is served like gdb.
"""
import struct

import gdb
import gdb.printing


def array_values(array):
    """The elements of a std::array of integers; a std::array of none has no member to ask."""
    while True:
        fields = [f for f in array.type.strip_typedefs().fields() if not getattr(f, "artificial", False)]
        if not any(f.is_base_class for f in fields):
            break
        array = array.cast(fields[0].type)
    items = array["_M_elems"] if any(f.name == "_M_elems" for f in fields) else array["__elems_"]
    if items.type.strip_typedefs().code != gdb.TYPE_CODE_ARRAY:
        return []
    low, high = items.type.strip_typedefs().range()
    return [int(items[i]) for i in range(low, high + 1)]


def pointee(handle):
    """The object behind a shared handle; None when there is none."""
    pointer = handle["at_"]
    return pointer.dereference() if int(pointer) else None


def device_name(device):
    kind = str(device["kind_"]).rsplit("::", 1)[-1]
    return "cuda:%d" % int(device["index_"]) if kind == "cuda" else kind


def shape_text(extents):
    return "(" + ", ".join(map(str, extents)) + ("," if len(extents) == 1 else "") + ")"


def element_text(value):
    type = value.type.strip_typedefs()
    if type.name and type.name.endswith("bfloat16"):
        return "%.4g" % struct.unpack("<f", struct.pack("<I", int(value["bits"]) << 16))
    if type.name and type.name.endswith("half"):
        return "%.5g" % struct.unpack("<e", struct.pack("<H", int(value["bits"])))
    if type.code == gdb.TYPE_CODE_FLT:
        return str(value)
    if type.code == gdb.TYPE_CODE_BOOL:
        return "true" if int(value) else "false"
    return str(int(value))  # an int8 is a number here, not a character


class Elements:
    """Nested brackets around at most `limit` elements; None: all of them."""

    def __init__(self, first, extents, strides, limit):
        self.first, self.extents, self.strides, self.left = first, extents, strides, limit

    def text(self, axis=0, place=0):
        if axis == len(self.extents):
            if self.left is not None:
                self.left -= 1
            return element_text((self.first + place).dereference())
        parts = []
        for i in range(self.extents[axis]):
            if self.left is not None and self.left <= 0:
                parts.append("...")
                break
            parts.append(self.text(axis + 1, place + i * self.strides[axis]))
        return "[" + ", ".join(parts) + "]"


class TensorPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        value = self.value
        element, rank = value.type.strip_typedefs().template_argument(0), int(
            value.type.strip_typedefs().template_argument(1))
        name = "tensor<%s, %d>" % (str(element).replace("sinter::", ""), rank)
        storage = pointee(value["memory_"])
        if storage is None:
            return name + " without memory"
        extents = array_values(value["extents_"])
        where = device_name(storage["device_"])
        head = "%s %s on %s" % (name, shape_text(extents), where)
        first = storage["data_"].cast(element.pointer()) + int(value["offset_"])
        if where.startswith("cuda"):
            return "%s at 0x%x" % (head, int(first))
        limit = gdb.parameter("print elements")
        try:
            return head + " = " + Elements(first, extents, array_values(value["strides_"]), limit).text()
        except gdb.MemoryError:
            return "%s at 0x%x, which cannot be read" % (head, int(first))


class ViewPrinter(TensorPrinter):
    """A view is a tensor, which is its base."""

    def __init__(self, value):
        super().__init__(value.cast(value.type.strip_typedefs().fields()[0].type))


class TextPrinter:
    def __init__(self, text):
        self.text = text

    def to_string(self):
        return self.text


def expression_printer(value):
    operands = value["operands_"]
    return TextPrinter("lazy expression, nothing computed yet, over %d arrays" % int(operands["owners_"]))


def printers():
    all = gdb.printing.RegexpCollectionPrettyPrinter("sinter")
    all.add_printer("tensor", r"^sinter::tensor<.*>$", TensorPrinter)
    all.add_printer("tensor_view", r"^sinter::tensor_view<.*>$", ViewPrinter)
    all.add_printer("expr", r"^sinter::expr<.*>$", expression_printer)
    all.add_printer("half", r"^sinter::half$", lambda v: TextPrinter(element_text(v)))
    all.add_printer("bfloat16", r"^sinter::bfloat16$", lambda v: TextPrinter(element_text(v)))
    all.add_printer("device", r"^sinter::device$", lambda v: TextPrinter(device_name(v)))
    all.add_printer("shape", r"^sinter::shape<.*>$", lambda v: TextPrinter(shape_text(array_values(v))))
    return all


gdb.printing.register_pretty_printer(gdb.current_objfile(), printers(), replace=True)
