// Compiled without OpenMP. The linker keeps one copy of every function that both files instantiate:
// were one of them to choose the threads, the order of linking would decide who has them.
#include <atomic>
#include <cstdio>

#include "threads.hpp"

namespace odr {

float thread_mark() {
    static std::atomic<int> next{1};
    static thread_local const int mark = next++;
    return static_cast<float>(mark);
}
vector marks_without(const vector& x) {
    vector y = sinter::elementwise(mark_thread{}, x);
    return y;
}

namespace {

bool one_thread(const vector& marks) {
    for (sinter::int64 i = 1; i < marks.size(); ++i)
        if (marks.data()[i] != marks.data()[0]) return false;
    return true;
}

}  // namespace
}  // namespace odr

int main() {
    const odr::vector x = sinter::zeros<float>(3000000);
    bool threads = false, alone = true;
    // A busy machine may let one thread do all the work now and then.
    for (int i = 0; i < 100 && !threads; ++i) {
        threads = !odr::one_thread(odr::marks_with_openmp(x));
        alone = alone && odr::one_thread(odr::marks_without(x));
    }
    std::printf("%s the file with OpenMP uses threads\n", threads ? "passed" : "FAILED");
    std::printf("%s the file without uses one\n", alone ? "passed" : "FAILED");
    return threads && alone ? 0 : 1;
}
