// What the tests of half and of the integers other than int64 share.
#pragma once

#include <limits>

#include "expr/pick.hpp"

namespace types_test {

using namespace tensor_test;
using sn::out;
using sn::tensor;
using std::int16_t;
using std::int8_t;
using std::uint8_t;

// nvcc and the sanitizers take one type of each register: their time goes into compiling.
#if SINTER_NVCC || SINTER_TEST_ASAN || SINTER_TEST_RACE
constexpr bool all_types = false;
#else
constexpr bool all_types = true;
#endif

template <class T>
T wrapped(int64 x) {
    return static_cast<T>(static_cast<std::uint64_t>(x));
}
/// `x` after it was stored as a T.
template <class T, class V>
V as_stored(V x) {
    return static_cast<V>(element_of<T>(x));
}
/// Whole numbers from everywhere in the range of T.
template <class T>
integers anywhere(const extents& e, unsigned long seed) {
    random_numbers r(seed);
    integers v(e);
    for (int64& x : v.of) x = wrapped<T>(static_cast<int64>(r.next() >> 7));
    return v;
}

}  // namespace types_test
