// The one model that the tests of training share, so that it is compiled once: a small classifier
// with dropout, so that the random streams of the program matter too.
#pragma once

#include <sinter/train.hpp>

#include "tensor/support.hpp"

namespace train_test {

namespace sn = sinter;
namespace nn = sinter::nn;
namespace fs = std::filesystem;
namespace train = sinter::train;
using sn::device;
using sn::int64;

using set_type = sn::data::dataset<sn::tensor<float, 2>, sn::tensor<int64, 1>>;
using options = train::fit_options<set_type>;

/// Points in a square, in three classes that straight lines part.
inline set_type points(int64 rows, unsigned seed = 1, device where = sn::default_device()) {
    std::vector<float> x;
    std::vector<int64> y;
    const auto numbers = sn::data::shuffled_order(2 * rows, seed);
    for (int64 i = 0; i < rows; ++i) {
        const auto at = [&](int64 k) {
            const auto n = static_cast<float>(numbers[static_cast<std::size_t>(2 * i + k)]);
            return 2 * n / static_cast<float>(2 * rows) - 1;
        };
        x.insert(x.end(), {at(0), at(1)});
        y.push_back(at(0) > at(1) ? 0 : at(0) + at(1) > 0 ? 1 : 2);
    }
    return set_type(sn::from(x, sn::shape{rows, int64{2}}, where),
                    sn::from(y, sn::shape{rows}, where));
}

/// A model with its optimiser, from a seed.
struct learner {
    using network = nn::sequential<nn::linear<>, nn::relu, nn::dropout, nn::linear<>>;

    network net;
    sn::optim::adam<float> optimizer;

    explicit learner(sn::uint64 seed = 1, double lr = 0.02, double drop = 0.1)
        : net(made(seed, drop)), optimizer(sn::optim::parameters_of(net), {.lr = lr}) {}
    train::history fit(const set_type& set, const options& o) {
        return train::fit(net, optimizer, set, o);
    }
    /// All parameters in order.
    std::vector<float> weights() {
        std::vector<float> all;
        nn::for_each_parameter(net, [&](const std::string&, auto& p) {
            const auto h = p.detach().to(device::host()).clone();
            all.insert(all.end(), h.data(), h.data() + h.size());
        });
        return all;
    }

private:
    static network made(sn::uint64 seed, double drop) {
        sn::manual_seed(seed);
        return network(nn::linear<>(2, 16), nn::relu(), nn::dropout(drop), nn::linear<>(16, 3));
    }
};

/// A folder that is empty at first and gone at the end.
class scratch_folder {
public:
    explicit scratch_folder(const std::string& name)
        : path_(fs::temp_directory_path() /
                ("sinter-train-" + name + "-" + std::to_string(::getpid()))) {
        fs::remove_all(path_);
    }
    ~scratch_folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    scratch_folder(const scratch_folder&) = delete;
    scratch_folder& operator=(const scratch_folder&) = delete;
    operator const fs::path&() const { return path_; }
    fs::path operator/(const std::string& name) const { return path_ / name; }

private:
    fs::path path_;
};

inline const train::progress_options silent{.quiet = true};

/// The losses of all batches, as they are on the device.
struct loss_log {
    std::vector<float> losses;
    auto callback() {
        return [this](train::fit_state& s) {
            losses.push_back(s.loss.on_host().as<float, 0>().item());
        };
    }
};
/// What a folder holds, in order.
inline std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& e : fs::directory_iterator(folder))
        names.push_back(e.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

/// The same numbers, bit for bit.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

}  // namespace train_test
