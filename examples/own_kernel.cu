// Your own CUDA kernel between Sinter's expressions: on data(), on the current stream, without a
// copy or a wait. The kernel is a recurrence along each row, which no elementwise expression can
// say: y[j] = a y[j - 1] + (1 - a) x[j].

#include <cmath>
#include <cstdio>
#include <sinter/sinter.hpp>
#include <string>

namespace sn = sinter;
using sn::axis, sn::keepdims;
using matrix = sn::tensor<float, 2>;

namespace {

__global__ void smooth_rows(float* y, const float* x, long rows, long columns, float a) {
    const long row = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    float value = 0;
    for (long j = 0; j < columns; ++j) {
        value = a * value + (1 - a) * x[row * columns + j];
        y[row * columns + j] = value;
    }
}

/// The moving average of each row of a row-major CUDA array.
matrix smooth(const matrix& x, float a) {
    matrix y(x.extents(), x.where());
    const long rows = x.extent(0), columns = x.extent(1);
    const sn::stream s = sn::current_stream(x.where());
    const auto blocks = static_cast<unsigned>((rows + 127) / 128);
    smooth_rows<<<blocks, 128, 0, static_cast<cudaStream_t>(s.handle())>>>(
        y.data(), x.data(), rows, columns, a);
    if (const cudaError_t e = cudaGetLastError(); e != cudaSuccess)
        throw sn::device_error(std::string("smooth: ") + cudaGetErrorString(e) + ".");
    x.record_stream(s);  // x is not freed before the kernel has read it
    return y;
}

}  // namespace

int main() {
    if (!sn::cuda::is_available()) {
        std::printf("There is no CUDA device: a kernel of your own needs one.\n");
        return 0;
    }
    const sn::device gpu = sn::device::cuda(), host = sn::device::host();
    const sn::stream mine(gpu);
    const sn::stream_scope on(mine);  // everything below is queued on this stream

    constexpr std::int64_t rows = 1000, columns = 257;
    const auto counted = reshape(sn::arange<float>(rows * columns, gpu), sn::shape{rows, columns});
    const matrix x = sin(counted * 0.01F) + 1;                         // Sinter's kernel
    const matrix y = smooth(x, 0.9F);                                  // ours
    const matrix z = y / sqrt(sum(y * y, axis<-1>, keepdims)) - 0.5F;  // Sinter's again

    // The same on the host.
    const matrix host_x = x.to(host), host_z = z.to(host);
    double error = 0;
    for (std::int64_t i = 0; i < rows; ++i) {
        double value = 0, square = 0;
        double row[columns];
        for (std::int64_t j = 0; j < columns; ++j) {
            row[j] = value = 0.9 * value + 0.1 * double{host_x(i, j)};
            square += value * value;
        }
        for (std::int64_t j = 0; j < columns; ++j)
            error = std::fmax(error, std::fabs(row[j] / std::sqrt(square) - 0.5 - host_z(i, j)));
    }
    std::printf("smoothed %ld rows of %ld on %s, largest error %.1e\n",
                static_cast<long>(rows),
                static_cast<long>(columns),
                gpu.name().c_str(),
                error);
    return error < 1e-5 ? 0 : 1;
}
