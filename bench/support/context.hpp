// What every JSON file says about its run, beside what Google Benchmark writes there itself.
#pragma once

#include <benchmark/benchmark.h>

#include <fstream>
#include <sinter/sinter.hpp>
#include <string>
#if defined(_OPENMP)
#include <omp.h>
#endif

#ifndef SINTER_BENCH_FLAGS
#define SINTER_BENCH_FLAGS "not recorded"
#endif

namespace bench {

inline int threads() {
#if defined(_OPENMP)
    return omp_get_max_threads();
#else
    return 1;
#endif
}

inline std::string processor_name() {
    std::ifstream info("/proc/cpuinfo");
    for (std::string line; std::getline(info, line);)
        if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
    return "unknown";
}

inline const bool context_added = [] {
    benchmark::AddCustomContext("flags", SINTER_BENCH_FLAGS);
    benchmark::AddCustomContext("device", sinter::default_device().name());
    benchmark::AddCustomContext("processor", processor_name());
    benchmark::AddCustomContext("threads", std::to_string(threads()));
#if defined(__clang__)
    benchmark::AddCustomContext("compiler", "clang++ " __clang_version__);
#else
    benchmark::AddCustomContext("compiler", "g++ " __VERSION__);
#endif
    return true;
}();

}  // namespace bench
