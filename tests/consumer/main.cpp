// A stranger's first program.
#include <sinter/sinter.hpp>

#include <iostream>

int main() {
    const sinter::tensor<float, 1> x = sinter::arange<float>(4);
    const sinter::tensor<float, 1> y = x * x + 1;
    const float total = sinter::tensor<float, 0>(sinter::sum(y)).item();
    std::cout << sinter::shape_text(y.extents()) << " sum " << total << '\n';
}
