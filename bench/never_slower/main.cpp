// Never slower than unfused: every expression as one assignment against the best of its sensible
// splits into temporaries. A ratio above 1.05 is a fault of the scheduler.
//
//     never_slower [--check] [--pairs 9] [--filter TEXT]
//
// Times are wall-clock times; with OMP_NUM_THREADS=1 they are this thread's processor time, which
// other programs on the machine do not lengthen.
// The best split is found in three rounds; then fused and split run in turn, pair by pair, and the
// ratio is the median of the pairs. --check: the exit code is 1 when a ratio is above 1.05. It is 1
// anyway when a split's values differ from those of the expression.

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#if defined(_OPENMP)
#include <omp.h>
#endif

#include "comparison.hpp"

namespace {

constexpr double allowed = 1.05;

int threads() {
#if defined(_OPENMP)
    return omp_get_max_threads();
#else
    return 1;
#endif
}

double now() {
    static const clockid_t clock = threads() == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double seconds(const std::function<void()>& f, int count) {
    const double start = now();
    for (int i = 0; i < count; ++i) f();
    return (now() - start) / count;
}

double median(std::vector<double> v) {
    const auto middle = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2);
    std::nth_element(v.begin(), middle, v.end());
    return *middle;
}

/// How often to call f so that one timing takes at least 3 ms.
int calls(const std::function<void()>& f) {
    constexpr double least = 3e-3;
    f();
    int count = 1;
    for (double s = seconds(f, 1); s < least && count < 100'000; s = seconds(f, count) * count)
        count = std::max(count + 1, static_cast<int>(1.3 * count * least / std::max(s, 1e-7)));
    return count;
}

struct outcome {
    double fused, split, ratio;
    std::size_t best;
};

outcome measure(const fusion::candidates& c, int pairs) {
    const int count = calls(c.fused);
    std::vector<std::vector<double>> tries(c.splits.size());
    for (int k = 0; k < 3; ++k)
        for (std::size_t s = 0; s < tries.size(); ++s)
            tries[s].push_back(seconds(c.splits[s], count));
    std::size_t best = 0;
    for (std::size_t s = 1; s < tries.size(); ++s)
        if (median(tries[s]) < median(tries[best])) best = s;

    std::vector<double> fused, split, ratio;
    for (int k = 0; k < pairs; ++k) {
        fused.push_back(seconds(c.fused, count));
        split.push_back(seconds(c.splits[best], count));
        ratio.push_back(fused.back() / split.back());
    }
    return {median(fused), median(split), median(ratio), best};
}

std::string duration(double s) {
    char text[32];
    if (s >= 1e-3) {
        std::snprintf(text, sizeof text, "%.3g ms", s * 1e3);
    } else {
        std::snprintf(text, sizeof text, "%.3g us", s * 1e6);
    }
    return text;
}

}  // namespace

int main(int argc, char** argv) {
    bool check = false;
    int pairs = 9;
    const char* filter = "";
    for (int i = 1; i < argc; ++i) {
        if (!std::strcmp(argv[i], "--check")) {
            check = true;
        } else if (!std::strcmp(argv[i], "--pairs") && i + 1 < argc) {
            pairs = std::max(1, std::atoi(argv[++i]));
        } else if (!std::strcmp(argv[i], "--filter") && i + 1 < argc) {
            filter = argv[++i];
        } else {
            std::puts("never_slower [--check] [--pairs 9] [--filter TEXT]");
            return 2;
        }
    }
    sinter::set_default_device(sinter::device::host());

    std::puts("| expression | fused | best split | fused / split |\n|---|---:|---:|---:|");
    std::vector<std::pair<double, std::string>> ratios;
    std::vector<std::string> wrong;
    for (const auto& e : fusion::entries()) {
        if (e->name().find(filter) == std::string::npos) continue;
        const fusion::candidates c = e->prepare();
        if (!c.agree()) wrong.push_back(e->name());
        const outcome o = measure(c, pairs);
        ratios.emplace_back(o.ratio, e->name());
        std::printf("| %s | %s | %s (split %zu of %zu) | %.2f%s |\n",
                    e->name().c_str(),
                    duration(o.fused).c_str(),
                    duration(o.split).c_str(),
                    o.best + 1,
                    c.splits.size(),
                    o.ratio,
                    o.ratio > allowed ? " above 1.05" : "");
        std::fflush(stdout);
    }
    if (ratios.empty()) return 2;
    std::sort(ratios.begin(), ratios.end());
    const auto above = std::count_if(
        ratios.begin(), ratios.end(), [](const auto& r) { return r.first > allowed; });
    std::printf("\n%zu expressions, %d threads: median %.2f, worst %.2f (%s), above 1.05: %td\n",
                ratios.size(),
                threads(),
                ratios[ratios.size() / 2].first,
                ratios.back().first,
                ratios.back().second.c_str(),
                above);
    for (const std::string& name : wrong)
        std::printf("A split of \"%s\" gives other values than the expression.\n", name.c_str());
    return !wrong.empty() || (check && above) ? 1 : 0;
}
