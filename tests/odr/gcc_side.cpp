// The file of the two-file program that g++ compiles: it runs on the host alone. The linker keeps
// one copy of every function that both files instantiate; were one of them to choose where an
// expression runs, the order of linking would decide who is right.
#include <cstdio>
#include <string>

#include "odr.hpp"
#include "runtime/fake_cuda.hpp"

namespace odr {

vector polynomial_by_gcc(const vector& x) {
    vector y = x * x + 1;
    return y;
}

namespace {

int failures = 0;

void check(bool good, const char* what) {
    std::printf("%s %s\n", good ? "passed" : "FAILED", what);
    failures += !good;
}

bool holds(const vector& x, float a, float b, float c, float d) {
    const float* p = x.data();
    return x.size() == 4 && p[0] == a && p[1] == b && p[2] == c && p[3] == d;
}

/// The error of evaluating a CUDA tensor in this file, which has no kernels.
std::string refusal(const vector& on_cuda) {
    try {
        polynomial_by_gcc(on_cuda);
    } catch (const sinter::device_error& e) {
        return e.what();
    }
    return "";
}

void on_the_host() {
    const sinter::device host = sinter::device::host();
    const vector x = sinter::arange<float>(4, host);
    check(holds(polynomial_by_gcc(x), 1, 2, 5, 10), "g++ evaluates on the host");
    check(holds(polynomial_by_nvcc(x), 1, 2, 5, 10), "nvcc evaluates on the host");
    check(holds(polynomial_by_gcc(polynomial_by_nvcc(x)), 2, 5, 26, 101),
          "nvcc's tensor enters g++");
    check(sum_by_nvcc(polynomial_by_gcc(x)) == 18.0F, "g++'s tensor enters nvcc");
    check(held_by_nvcc().data() == held_by_nvcc().data(), "a handle shares its storage");
    sinter::launch_counter counter;
    polynomial_by_nvcc(x);
    polynomial_by_gcc(x);
    check(counter.launches() == 2, "one counter sees the launches of both files");
}

int fake_launches = 0;

/// A device that only counts launches stands for CUDA, so that no GPU is needed.
void on_a_fake_device() {
    sinter_test::fake_cuda_scope fake;
    sinter::runtime::cuda_api counting = *sinter::runtime::current_cuda_api();
    counting.launch_kernel = [](const void*, auto, auto, void**, sinter::uint64, void*) {
        ++fake_launches;
        return 0;
    };
    const sinter::runtime::cuda_api* old = sinter::runtime::set_cuda_api(&counting);
    {
        const vector x =
            vector(sinter::arange<float>(4, sinter::device::host())).to(sinter::device::cuda());
        polynomial_by_nvcc(x);
        check(fake_launches == 1, "nvcc launches one kernel on the device");
        check(!refusal(x).empty() && fake_launches == 1, "g++ refuses to launch on the device");
    }
    sinter::runtime::set_cuda_api(old);
}

void on_a_real_device() {
    const vector x =
        vector(sinter::arange<float>(4, sinter::device::host())).to(sinter::device::cuda());
    const vector y = polynomial_by_nvcc(x).to(sinter::device::host());
    check(holds(y, 1, 2, 5, 10), "nvcc evaluates on the device");
    check(!refusal(x).empty(), "g++ refuses to evaluate on the device");
}

}  // namespace
}  // namespace odr

int main() {
    odr::on_the_host();
    if (sinter::cuda::is_available())
        odr::on_a_real_device();
    else
        odr::on_a_fake_device();
    return odr::failures == 0 ? 0 : 1;
}
