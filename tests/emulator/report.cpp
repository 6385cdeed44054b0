// Errors of a launch, in words.
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "internal.hpp"

namespace sinter::emulator {

std::string printed(const char* format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return text;
}
std::string place(location l) {
    const char* slash = std::strrchr(l.file, '/');
    return printed("%s:%u", slash != nullptr ? slash + 1 : l.file, l.line);
}
std::string thread_name(unsigned block, unsigned linear) {
    const dim g = the().grid, b = the().threads;
    return printed("block (%u,%u,%u) thread (%u,%u,%u)",
                   block % g.x,
                   block / g.x % g.y,
                   block / g.x / g.y,
                   linear % b.x,
                   linear / b.x % b.y,
                   linear / b.x / b.y);
}
std::string thread_name(const fiber& f) { return thread_name(f.home->id, f.info.linear); }

void record(const std::string& message) {
    auto& errors = the().out->errors;
    if (errors.size() < 50) errors.push_back(message);
}

}  // namespace sinter::emulator
