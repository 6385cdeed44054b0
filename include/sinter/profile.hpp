/// Shows where time goes. Include it in the files that profile:
///
///     sn::profile p;                       // records every launch, copy and fill of the program
///     train();
///     std::cout << p.table();              // kernels by time, with GB/s and GFLOP/s
///     p.write_trace("trace.json");         // for chrome://tracing and Perfetto
///
/// While nothing is recorded a launch pays for one branch. With SINTER_NVTX=1 defined (CMake:
/// -DSINTER_NVTX=ON), every launch is also an NVTX range that names what it computes.
#pragma once

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sinter/exec/execute.hpp"
#include "sinter/exec/explain.hpp"
#include "sinter/runtime/recorder.hpp"

#if defined(SINTER_NVTX) && SINTER_NVTX
#if !__has_include(<nvtx3/nvToolsExt.h>)
#error "SINTER_NVTX is set, but nvtx3/nvToolsExt.h of the CUDA toolkit was not found."
#endif
#include <nvtx3/nvToolsExt.h>
#endif

namespace sinter {

namespace detail {

/// What a stage computes in one line, kept for the rest of the program.
inline const char* label_of(const exec::binding& b, const exec::stage_table& s) {
    static std::mutex& mutex = *new std::mutex;
    static auto& known = *new std::map<const exec::stage_table*, std::string>;
    const std::lock_guard lock(mutex);
    if (const auto at = known.find(&s); at != known.end()) return at->second.c_str();
    std::string text = exec::explained(b, [&](const ir::explanation& e) {
        ir::value_names names(e);
        std::string all;
        for (int k = 0; k < b.choice.plan->stages; ++k) {
            const std::vector<std::string> lines = ir::stage_formulas(e, e.stage[k], names).lines();
            if (&b.choice.plan->stage[k] != &s) continue;
            for (const std::string& line : lines) all += (all.empty() ? "" : "; ") + line;
            break;
        }
        return all;
    });
    if (text.size() > 160) text = text.substr(0, 157) + "...";
    return known.emplace(&s, std::move(text)).first->second.c_str();
}
inline void describe(const exec::binding& b,
                     const exec::stage_table& s,
                     runtime::launch_record& r) {
    r.label = label_of(b, s);
    exec::explained(b, [&](const ir::explanation& e) {
        const ir::stage_cost c = ir::cost_of(e, s, ir::value_names(e));
        r.flops = c.flops;
        r.traffic = c.read + c.written;
        return std::string();
    });
}

inline std::string json_text(const std::string& s) {
    std::string r = "\"";
    for (const char c : s) {
        char b[8];
        if (static_cast<unsigned char>(c) < 32) {
            std::snprintf(b, sizeof b, "\\u%04x", static_cast<unsigned>(c));
            r += b;
            continue;
        }
        if (c == '"' || c == '\\') r += '\\';
        r += c;
    }
    return r + "\"";
}
template <class... A>
std::string printed(const char* format, A... a) {
    char b[256];
    std::snprintf(b, sizeof b, format, a...);
    return b;
}

inline bool install_profile() {
    exec::describe_launch = &describe;
#if defined(SINTER_NVTX) && SINTER_NVTX
    runtime::the_range_marker = {[](const char* name) { nvtxRangePushA(name); },
                                 [] { nvtxRangePop(); }};
    runtime::recorder::get().watch();
#endif
    return true;
}
inline const bool profile_installed = install_profile();

}  // namespace detail

/// One launch, copy, fill or range that a profile recorded.
using profile_entry = runtime::recorded_launch;

/// Records everything that runs while it lives, on every device and thread. Profiles nest. Times
/// are those of the device on CUDA, and of the loop on the host.
class profile {
public:
    profile() : first_(runtime::recorder::get().open()) {}
    ~profile() { stop(); }
    profile(const profile&) = delete;
    profile& operator=(const profile&) = delete;

    /// Ends the recording; what was recorded stays. Waits for the devices.
    void stop() {
        if (stopped_) return;
        entries_ = runtime::recorder::get().read(first_);
        runtime::recorder::get().close();
        stopped_ = true;
    }
    /// What was recorded so far, in the order in which it was asked for. Waits for the devices.
    std::vector<profile_entry> entries() const {
        return stopped_ ? entries_ : runtime::recorder::get().read(first_);
    }

    /// A table of at most `rows` kernels, by the time that all their launches took.
    std::string table(int rows = 20) const;
    /// The launches as Chrome's trace format: a process for each device, a row for each stream.
    std::string trace() const;
    /// Writes `trace()` to a file, which chrome://tracing and Perfetto read. Throws io_error.
    void write_trace(const std::string& path) const {
        std::FILE* f = std::fopen(path.c_str(), "wb");
        if (!f) throw io_error("write_trace: the file " + path + " cannot be written.");
        const std::string text = trace();
        const bool whole = std::fwrite(text.data(), 1, text.size(), f) == text.size();
        if (std::fclose(f) != 0 || !whole)
            throw io_error("write_trace: the file " + path + " was not written to its end.");
    }

private:
    std::size_t first_;
    bool stopped_ = false;
    std::vector<profile_entry> entries_;
};

/// Records while it lives, then writes a trace file; a failure to write is a line on standard
/// error.
class trace_scope {
public:
    explicit trace_scope(std::string path) : path_(std::move(path)) {}
    ~trace_scope() {
        try {
            profile_.write_trace(path_);
        } catch (const error& e) {
            std::fprintf(stderr, "sinter: %s\n", e.what());
        }
    }
    trace_scope(const trace_scope&) = delete;
    trace_scope& operator=(const trace_scope&) = delete;

private:
    std::string path_;
    profile profile_;
};

/// A named stretch of the program, for traces and NVTX: `sn::profile_range r("forward");`.
class profile_range {
public:
    explicit profile_range(const char* name)
        : span_(runtime::launches_are_watched() ? runtime::recorder::get().begin_range(name)
                                                : nullptr) {}
    ~profile_range() {
        if (span_) runtime::recorder::end_range(span_);
    }
    profile_range(const profile_range&) = delete;
    profile_range& operator=(const profile_range&) = delete;

private:
    void* span_;
};

inline std::string profile::table(int rows) const {
    struct row {
        std::string device, kernel, label;
        int64 launches = 0, bytes = 0, flops = 0;
        double us = 0;
    };
    std::map<std::pair<std::string, std::string>, row> by_name;
    double all = 0;
    for (const profile_entry& e : entries()) {
        if (e.is_range) continue;
        row& r = by_name[{e.where.name() + " " + e.kernel, e.label}];
        r.device = e.where.name();
        r.kernel = e.kernel;
        r.label = e.label;
        ++r.launches;
        r.bytes += e.bytes;
        r.flops += e.flops;
        r.us += e.duration_us;
        all += e.duration_us;
    }
    std::vector<row> sorted;
    for (auto& [name, r] : by_name) sorted.push_back(std::move(r));
    std::stable_sort(
        sorted.begin(), sorted.end(), [](const row& a, const row& b) { return a.us > b.us; });
    std::string text = "   time  launches        ms   us each     GB/s   GFLOP/s  kernel\n";
    for (int i = 0; i < static_cast<int>(sorted.size()); ++i) {
        if (i == rows) {
            text += "and " + std::to_string(static_cast<int>(sorted.size()) - rows) + " more\n";
            break;
        }
        const row& r = sorted[static_cast<std::size_t>(i)];
        const auto per_us = [&](int64 n) {
            return r.us > 0 ? static_cast<double>(n) / r.us * 1e-3 : 0;
        };
        text += detail::printed("%5.1f %% %9ld %9.3f %9.2f %8.1f %9.1f  ",
                                all > 0 ? 100 * r.us / all : 0,
                                r.launches,
                                r.us * 1e-3,
                                r.us / static_cast<double>(r.launches),
                                per_us(r.bytes),
                                per_us(r.flops));
        text += r.device + " " + r.kernel + (r.label.empty() ? "" : ": " + r.label) + "\n";
    }
    return text;
}

inline std::string profile::trace() const {
    // Processes are devices, threads of them streams; on the host they are the program's threads.
    std::map<std::string, int> processes;
    std::map<std::pair<int, std::string>, int> rows;
    std::string names, events;
    const auto name_row = [&](const char* what, int pid, int tid, const std::string& name) {
        names += detail::printed(
            "{\"ph\":\"M\",\"name\":\"%s\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":",
            what,
            pid,
            tid);
        names += detail::json_text(name) + "}},\n";
    };
    const std::vector<profile_entry> all = entries();
    double zero = all.empty() ? 0 : all.front().start_us;
    for (const profile_entry& e : all) zero = std::min(zero, e.start_us);
    for (const profile_entry& e : all) {
        const std::string device = e.where.name();
        const bool new_device = !processes.count(device);
        const int pid =
            processes.emplace(device, static_cast<int>(processes.size()) + 1).first->second;
        if (new_device) name_row("process_name", pid, 0, device);
        const std::string row = !e.where.is_cuda() ? "thread " + std::to_string(e.thread)
                                : e.queue          ? detail::printed("stream %p", e.queue)
                                                   : "default stream";
        const bool new_row = !rows.count({pid, row});
        const int tid =
            rows.emplace(std::pair{pid, row}, static_cast<int>(rows.size()) + 1).first->second;
        if (new_row) name_row("thread_name", pid, tid, row);
        const double us = e.duration_us;
        const auto per_us = [&](int64 n) {
            return us > 0 ? static_cast<double>(n) / us * 1e-3 : 0;
        };
        events +=
            "{\"ph\":\"X\",\"cat\":" + std::string(e.is_range ? "\"range\"" : "\"kernel\"") +
            ",\"name\":" + detail::json_text(e.label.empty() ? e.kernel : e.label) +
            detail::printed(
                ",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f", pid, tid, e.start_us - zero, us);
        if (!e.is_range)
            events +=
                ",\"args\":{\"kernel\":" + detail::json_text(e.kernel) +
                detail::printed(",\"bytes\":%ld,\"flops\":%ld,\"GB/s\":%.3f,\"GFLOP/s\":%.3f}",
                                e.bytes,
                                e.flops,
                                per_us(e.bytes),
                                per_us(e.flops));
        events += "},\n";
    }
    std::string text = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n" + names + events;
    if (text.size() > 2 && text[text.size() - 2] == ',') text.erase(text.size() - 2, 1);
    return text + "]}\n";
}

}  // namespace sinter
