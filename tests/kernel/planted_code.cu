// Kernels that break the rules of the generated code, one each, and two that keep them: the test of
// `generated_code.py`. Nothing here runs.

extern "C" {

// Vectors, an outer loop that divides, an inner loop that only adds.
__global__ void good_vectors(const float4* x, float4* y, unsigned rows, unsigned n, unsigned d) {
#pragma unroll 1
    for (unsigned r = threadIdx.x; r < rows; r += blockDim.x) {
        const unsigned start = r / d;
        float4 sum = {};
#pragma unroll 1
        for (unsigned i = start; i < n; ++i) {
            const float4 v = x[i];
            sum.x += v.x;
            sum.y += v.y;
            sum.z += v.z;
            sum.w += v.w;
        }
        y[r] = sum;
    }
}
__global__ void good_pairs(const longlong2* x, longlong2* y) { y[threadIdx.x] = x[threadIdx.x]; }

// One element at a time.
__global__ void bad_narrow(const float* x, float* y) { y[threadIdx.x] = x[threadIdx.x] + 1; }
__global__ void bad_narrow_store(const float4* x, float* y) {
    const float4 v = x[threadIdx.x];
    y[threadIdx.x] = v.x + v.y + v.z + v.w;
}
// A division in the inner loop.
__global__ void bad_division(const float4* x, float4* y, unsigned n, unsigned d) {
#pragma unroll 1
    for (unsigned i = threadIdx.x; i < n; i += blockDim.x) y[i / d] = x[i];
}
__global__ void bad_remainder(const float4* x, float4* y, long n, long d) {
#pragma unroll 1
    for (long i = threadIdx.x; i < n; i += blockDim.x) y[i % d] = x[i];
}
// A product of 64 bits in the inner loop.
__global__ void bad_product(const float4* x, float4* y, long n, const long* stride) {
#pragma unroll 1
    for (long i = threadIdx.x; i < n; i += blockDim.x) y[i * stride[i & 1]] = x[i];
}
// An array that cannot be registers.
__global__ void bad_local(const float4* x, float4* y, const int* order) {
    float4 v[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) v[i] = x[threadIdx.x * 8 + i];
    y[threadIdx.x] = v[order[threadIdx.x] & 7];
}
}
