// Copies and kernels at the same time: a long series of chunks goes to the device, is computed
// there and comes back. On one stream these steps take turns; on two streams, each with buffers of
// its own, one chunk is copied while the other one is computed. Without a GPU the same program runs
// on the host, where nothing overlaps.

#include <chrono>
#include <cmath>
#include <cstdio>
#include <sinter/sinter.hpp>
#include <vector>

namespace sn = sinter;
using chunk = sn::tensor<float, 1>;

namespace {

constexpr std::int64_t chunk_size = 1 << 20;
constexpr int chunks = 12;

float input(int k, std::int64_t i) { return static_cast<float>((i + 7 * k) % 1000) * 1e-3F; }
float expected(float x) { return std::exp(-x * x) * std::sin(3 * x) + std::sqrt(x + 1); }

/// A stream with the buffers that one chunk needs.
struct lane {
    sn::stream queue;
    sn::event done;
    chunk in, out;   // pinned: CUDA copies them while the program goes on
    chunk x, y;      // on the device
    int holds = -1;  // the chunk whose result `out` will hold

    explicit lane(sn::device d)
        : queue(d),
          done(d),
          in(sn::empty_pinned<float>(chunk_size)),
          out(sn::empty_pinned<float>(chunk_size)) {
        const sn::stream_scope on(queue);  // what a stream allocates belongs to it
        x = sn::empty<float>(sn::shape{chunk_size}, d);
        y = sn::empty<float>(sn::shape{chunk_size}, d);
    }

    /// Queues a chunk; nothing here waits on CUDA.
    void send(int k) {
        for (std::int64_t i = 0; i < chunk_size; ++i) in.data()[i] = input(k, i);
        const sn::stream_scope on(queue);
        x.copy_from(in, queue);
        y = exp(-x * x) * sin(3 * x) + sqrt(x + 1);
        out.copy_from(y, queue);
        done.record(queue);
        holds = k;
    }
    /// Waits for the chunk and gives its largest error. Before this `in` and `out` are not ours.
    float receive() {
        if (holds < 0) return 0;
        done.synchronize();
        float worst = 0;
        for (std::int64_t i = 0; i < chunk_size; i += 97)
            worst = std::fmax(worst, std::fabs(out.data()[i] - expected(input(holds, i))));
        holds = -1;
        return worst;
    }
};

/// Sends all chunks over `lanes` lanes; the milliseconds that it took.
double run(sn::device d, int lanes, float& worst) {
    std::vector<lane> all;
    for (int i = 0; i < lanes; ++i) all.emplace_back(d);
    const auto start = std::chrono::steady_clock::now();
    for (int k = 0; k < chunks + lanes; ++k) {
        lane& l = all[static_cast<std::size_t>(k % lanes)];
        worst = std::fmax(worst, l.receive());
        if (k < chunks) l.send(k);
    }
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
        .count();
}

}  // namespace

int main() {
    const sn::device d = sn::default_device();
    float worst = 0;
    run(d, 1, worst);  // the first run also loads the kernel and fills the pool
    const double in_turn = run(d, 1, worst), overlapped = run(d, 2, worst);
    std::printf("%d chunks of %ld floats on %s: %.1f ms on one stream, %.1f ms on two\n",
                chunks,
                static_cast<long>(chunk_size),
                d.name().c_str(),
                in_turn,
                overlapped);
    std::printf("largest error %.1e\n", static_cast<double>(worst));
    return worst < 1e-5F ? 0 : 1;
}
