// The exceptions of the library. Every message is a sentence that names the operation and what was
// wrong.
#pragma once

#include <initializer_list>
#include <stdexcept>
#include <string>

#include "sinter/core/types.hpp"

namespace sinter {

/// Base of all errors that the library throws.
struct error : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// Extents do not fit: the message names the operation and both shapes.
struct shape_error : error {
    using error::error;
};
/// An index lies outside an axis: the message names the operation, the index, the axis and the
/// shape.
struct index_error : shape_error {
    using shape_error::shape_error;
};
/// A device is missing, differs between operands, or reported a failure.
struct device_error : error {
    using error::error;
};
/// An allocation failed: the message names the device and the bytes.
struct out_of_memory : device_error {
    using device_error::device_error;
};
/// A file is missing, short or malformed.
struct io_error : error {
    using error::error;
};

namespace detail {

// A piece of a sentence: text, a string that lives as long, or a number in decimal.
struct word {
    enum class is : unsigned char { text, string, number, natural };

    word(const char* s) : what(is::text), text(s) {}                      // NOLINT: implicit
    word(const std::string& s) : what(is::string), string(&s) {}          // NOLINT
    word(int64 n) : what(is::number), number(n) {}                        // NOLINT
    word(uint64 n) : what(is::natural), number(static_cast<int64>(n)) {}  // NOLINT
    word(int n) : word(int64{n}) {}                                       // NOLINT

    is what;
    union {
        const char* text;
        const std::string* string;
        int64 number;
    };
};
// The words in a row. Compiled once in a file: with `+` between strings, sentences take a tenth of
// the time that a small program needs to compile.
[[gnu::cold, gnu::noinline]] inline std::string sentence(std::initializer_list<word> words) {
    std::string s;
    for (const word& w : words) {
        if (w.what == word::is::text) {
            s.append(w.text);
        } else if (w.what == word::is::string) {
            s.append(*w.string);
        } else {
            char digits[24];
            char* first = digits + sizeof digits - 1;
            *first = '\0';
            auto n = static_cast<uint64>(w.number);
            const bool negative = w.what == word::is::number && w.number < 0;
            if (negative) n = 0 - n;
            do *--first = static_cast<char>('0' + n % 10);
            while ((n /= 10) != 0);
            if (negative) *--first = '-';
            s.append(first);
        }
    }
    return s;
}
template <class E>
[[noreturn, gnu::cold, gnu::noinline]] void refuse(std::initializer_list<word> words) {
    throw E(sentence(words));
}

}  // namespace detail
}  // namespace sinter
