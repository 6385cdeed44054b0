// Sinter beside CUB and Thrust, which are compiled in this file alone: they would triple the
// compile time of the others. Floors as in map.cpp and reduction.cpp.

#include <thrust/execution_policy.h>
#include <thrust/reduce.h>
#include <thrust/transform.h>

#include <cub/device/device_reduce.cuh>
#include <cub/device/device_transform.cuh>
#include <cuda/std/tuple>

#include "support/harness.hpp"

namespace {

using namespace bench;

struct multiply_add_sin {
    __host__ __device__ float operator()(float a, float b, float c) const {
        return a * b + ::sinf(c);
    }
};
struct multiply_add {
    __host__ __device__ float operator()(float a, float b) const { return a * b + 1.0F; }
};
struct square_of_difference {
    __host__ __device__ float operator()(float x) const { return (x - 1) * (x - 1); }
};

struct arrays {
    vector a, b, c, y;
    scalar all;
    std::shared_ptr<device_bytes> workspace;
};
auto of_length(int64 n) {
    return [n] {
        const sn::shape s{n};
        return arrays{sample(s),
                      sample(s),
                      sample(s),
                      sn::zeros<float>(s),
                      sn::zeros<float>(sn::shape<0>{}),
                      nullptr};
    };
}

// CUB's device functions ask twice: for the size of their workspace, then with it.
template <class F>
void with_workspace(arrays& x, F call) {
    std::size_t size = x.workspace ? x.workspace->size() : 0;
    if (!x.workspace) {
        check(call(nullptr, size), "CUB");
        x.workspace = std::make_shared<device_bytes>(size ? size : 1);
        size = x.workspace->size();
    }
    check(call(x.workspace->data(), size), "CUB");
}

void add_maps(int64 n) {
    const std::string size = std::to_string(n);
    row sines("map_sin", size, {arrays_of(n, 3), arrays_of(n)}, of_length(n));
    sines.sinter([](arrays& x) { x.y = x.a * x.b + sin(x.c); });
    sines.peer("cub", [n](arrays& x) {
        check(cub::DeviceTransform::Transform(
                  cuda::std::make_tuple(x.a.data(), x.b.data(), x.c.data()),
                  x.y.data(),
                  n,
                  multiply_add_sin{},
                  queue()),
              "cub::DeviceTransform");
    });

    row pairs("map_two_arrays", size, {arrays_of(n, 2), arrays_of(n)}, of_length(n));
    pairs.sinter([](arrays& x) { x.y = x.a * x.b + 1; });
    pairs.peer("cub", [n](arrays& x) {
        check(cub::DeviceTransform::Transform(cuda::std::make_tuple(x.a.data(), x.b.data()),
                                              x.y.data(),
                                              n,
                                              multiply_add{},
                                              queue()),
              "cub::DeviceTransform");
    });
    pairs.peer("thrust", [n](arrays& x) {
        thrust::transform(thrust::cuda::par_nosync.on(queue()),
                          x.a.data(),
                          x.a.data() + n,
                          x.b.data(),
                          x.y.data(),
                          multiply_add{});
    });
}

void add_reductions(int64 n) {
    const std::string size = std::to_string(n);
    row sums("sum_all", size, {arrays_of(n), 0}, of_length(n));
    sums.sinter([](arrays& x) { x.all = sum(x.a); });
    sums.peer("cub", [n](arrays& x) {
        with_workspace(x, [&](void* workspace, std::size_t& bytes) {
            return cub::DeviceReduce::Sum(workspace, bytes, x.a.data(), x.all.data(), n, queue());
        });
    });
    // thrust::reduce gives its result to the host, so every run waits: its figure holds that too.
    sums.peer("thrust", [n](arrays& x) {
        benchmark::DoNotOptimize(
            thrust::reduce(thrust::cuda::par.on(queue()), x.a.data(), x.a.data() + n, 0.0F));
    });

    row squares("sum_squares", size, {arrays_of(n), 0}, of_length(n));
    squares.sinter([](arrays& x) { x.all = sum((x.a - 1) * (x.a - 1)); });
    squares.peer("cub", [n](arrays& x) {
        with_workspace(x, [&](void* workspace, std::size_t& bytes) {
            return cub::DeviceReduce::TransformReduce(workspace,
                                                      bytes,
                                                      x.a.data(),
                                                      x.all.data(),
                                                      n,
                                                      cuda::std::plus<>{},
                                                      square_of_difference{},
                                                      0.0F,
                                                      queue());
        });
    });
}

const bool added = [] {
    for (const int64 n : {int64{1} << 14, int64{1} << 20, int64{1} << 28}) {
        add_maps(n);
        add_reductions(n);
    }
    return true;
}();

}  // namespace
