// What GDB looks at in the test of gdb/sinter.py: see run.py.
#include <sinter/sinter.hpp>

namespace sn = sinter;

// GDB stops here, where everything in main() is alive.
[[gnu::noinline]] void stop_here() { asm volatile(""); }

int main() {
    sn::set_default_device(sn::device::host());
    sn::tensor<float, 2> x{{1, 2, 3}, {4, 5, 6.5F}};
    sn::tensor<float, 2> turned = transpose(x);
    auto backwards = flip(x, sn::axis<1>);
    sn::tensor<float, 2> nothing;
    sn::tensor<double, 0> number(0.1);
    sn::tensor<sn::int8, 1> bytes{65, -128};
    sn::tensor<bool, 1> flags{true, false};
    sn::tensor<sn::half, 1> halves{sn::half(1.5F), sn::half(-65504.F)};
    sn::tensor<sn::bfloat16, 1> brains{sn::bfloat16(0.125F), sn::bfloat16(3.F)};
    sn::tensor<sn::int64, 1> many = sn::arange(1000);
    sn::tensor<float, 2> none = sn::zeros<float>(0, 3);
    auto lazy = x * 2 + backwards;
    // Memory of a device that GDB cannot read: its elements are never touched.
    auto elsewhere = sn::tensor<float, 1>::over(
        sn::runtime::storage::borrow(sn::device::cuda(1), &x, 8), 0, sn::shape{2}, {1});
    sn::device where = sn::device::cuda(1);
    sn::shape<1> extents = many.extents();
    sn::half one(1.F);
    stop_here();
    return static_cast<int>(nothing.size() + turned.size() + number.size() + bytes.size() +
                            flags.size() + halves.size() + brains.size() + none.size() +
                            elsewhere.size() + static_cast<long>(lazy.operands().held(nullptr)) +
                            where.index() + extents[0] + one.bits) == 0;
}
