// Checkpoints as files: their names, which ones stay, and the state of a run as arrays.
#pragma once

#include <charconv>

#include "sinter/train/watch.hpp"

namespace sinter::train::detail {

/// What writes and reads a checkpoint; null until <sinter/train/checkpoint.hpp> is included in one
/// file of the program.
struct checkpoint_format {
    void (*save)(const std::filesystem::path&, const io::named_arrays&) = nullptr;
    io::named_arrays (*load)(const std::filesystem::path&) = nullptr;
};
inline constinit checkpoint_format the_checkpoint_format{};

/// Arrays of a list whose names begin with `prefix`, without it.
inline io::named_arrays below(const io::named_arrays& all, std::string_view prefix) {
    io::named_arrays r;
    for (const auto& [name, a] : all)
        if (name.compare(0, prefix.size(), prefix) == 0) r.add(name.substr(prefix.size()), a);
    return r;
}
inline void add_below(io::named_arrays& to,
                      const std::string& prefix,
                      const io::named_arrays& from) {
    for (const auto& [name, a] : from) to.add(prefix + name, a);
}
/// Copies in host memory that nobody else writes.
inline io::named_arrays copied(const io::named_arrays& from) {
    io::named_arrays r;
    for (const auto& [name, a] : from) {
        io::array c(runtime::allocate(device::host(), a.bytes()), a.type(), a.extents());
        c.fill_from(a);
        r.add(name, c);
    }
    return r;
}

template <class T>
io::array numbers(const std::vector<T>& v) {
    return io::array(from(v, shape<1>{{static_cast<int64>(v.size())}}, device::host()));
}
template <class T>
std::vector<T> numbers(const io::named_arrays& all, const char* name, std::size_t count) {
    const auto t = all.at(name).template as<T, 1>();
    if (t.size() != static_cast<int64>(count))
        throw error("fit: the checkpoint's array '" + std::string(name) + "' holds " +
                    std::to_string(t.size()) + " numbers instead of " + std::to_string(count) +
                    ".");
    return std::vector<T>(t.data(), t.data() + t.size());
}

/// The checkpoints of one run.
class store {
public:
    explicit store(const checkpoint_options& o) : o_(o) {
        if (o.folder.empty()) return;
        if (!the_checkpoint_format.save)
            throw error(
                "fit: checkpoints need <sinter/train/checkpoint.hpp> in one file of the program, "
                "and the component json.");
        if (o.keep < 1 || o.every_epochs < 0 || o.every_batches < 0)
            throw error(
                "fit: checkpoint.keep must be at least 1, every_epochs and every_batches must not "
                "be negative.");
        std::error_code failed;
        std::filesystem::create_directories(o.folder, failed);
        if (failed) io::refuse_write(o.folder, failed.message());
        if (!o.resume && !list().empty())
            throw error("fit: the folder " + o.folder.string() +
                        " holds checkpoints of an earlier run: set checkpoint.resume, or name "
                        "another folder.");
        // What a killed run was writing.
        for (const auto& e : std::filesystem::directory_iterator(o.folder))
            if (const std::string name = e.path().filename().string();
                name.rfind("step-", 0) == 0 && name.find(".safetensors.part-") != std::string::npos)
                std::filesystem::remove(e.path(), failed);
    }
    bool on() const { return !o_.folder.empty(); }
    bool due_after_epoch(int64 epoch, bool best) const {
        return on() && (best || (o_.every_epochs > 0 && epoch % o_.every_epochs == 0));
    }
    bool due_after_batch(int64 step) const {
        return on() && o_.every_batches > 0 && step % o_.every_batches == 0;
    }

    std::filesystem::path path(int64 step) const {
        std::string number = std::to_string(step);
        number.insert(0, number.size() < 9 ? 9 - number.size() : 0, '0');
        return o_.folder / ("step-" + number + ".safetensors");
    }
    /// The steps of which there are checkpoints, oldest first.
    std::vector<int64> list() const {
        std::vector<int64> steps;
        for (const auto& e : std::filesystem::directory_iterator(o_.folder)) {
            const std::string name = e.path().filename().string();
            int64 step = -1;
            if (name.rfind("step-", 0) != 0) continue;
            std::from_chars(name.data() + 5, name.data() + name.size(), step);
            if (step >= 0 && e.path() == path(step)) steps.push_back(step);
        }
        std::sort(steps.begin(), steps.end());
        return steps;
    }
    /// Writes a checkpoint; only then those that are too many go.
    void save(int64 step, const io::named_arrays& arrays, int64 best_step) const {
        the_checkpoint_format.save(path(step), arrays);
        const std::vector<int64> all = list();
        const auto keep = static_cast<std::size_t>(o_.keep);
        for (std::size_t i = 0; i + keep < all.size(); ++i) {
            std::error_code failed;
            if (all[i] != best_step) std::filesystem::remove(path(all[i]), failed);
        }
    }
    io::named_arrays load(int64 step) const { return the_checkpoint_format.load(path(step)); }
    /// Calls take(arrays) with the newest checkpoint that can be read; false when there is none.
    /// `say` hears of those that cannot.
    template <class Take, class Say>
    bool resume(Take take, Say say) const {
        if (!on() || !o_.resume) return false;
        std::vector<int64> all = list();
        for (; !all.empty(); all.pop_back()) {
            io::named_arrays arrays;
            try {
                arrays = load(all.back());
            } catch (const io_error& e) {
                say(std::string(e.what()));
                continue;
            }
            take(arrays);
            return true;
        }
        return false;
    }

private:
    checkpoint_options o_;
};

}  // namespace sinter::train::detail
