// What the environment asks to be printed.
#pragma once

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sinter/core/std_parts.hpp"

namespace sinter::runtime {

/// The topics in the environment variable SINTER_LOG, read once. They are never freed, so that
/// static destructors may still log.
class log_topics {
public:
    /// True when `topic`, or "all", is one of the names that SINTER_LOG separates by commas.
    static bool has(std::string_view topic) {
        const std::string* all = topics.load(std::memory_order_acquire);
        if (!all) all = read();
        if (all->empty()) return false;
        const std::string_view text = *all;
        for (std::size_t from = 0; from <= text.size();) {
            const std::size_t comma = std::min(text.find(',', from), text.size());
            const std::string_view name = text.substr(from, comma - from);
            if (name == topic || name == "all") return true;
            from = comma + 1;
        }
        return false;
    }

    /// For tests: reads the environment again. No other thread may be logging.
    static void reload() { delete topics.exchange(nullptr); }

private:
    [[gnu::cold]] static const std::string* read() {
        const char* text = std::getenv("SINTER_LOG");
        const std::string* mine = new std::string(text ? text : "");
        const std::string* theirs = nullptr;
        if (topics.compare_exchange_strong(theirs, mine)) return mine;
        delete mine;
        return theirs;
    }

    static inline constinit std::atomic<const std::string*> topics{nullptr};
};

/// True when SINTER_LOG names `topic`, as in SINTER_LOG=plan or SINTER_LOG=plan,launch.
inline bool log_enabled(std::string_view topic) { return log_topics::has(topic); }

}  // namespace sinter::runtime
