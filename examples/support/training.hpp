// What the examples that train on digits share: their options, and the data that these ask for.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <sinter/sinter.hpp>
#include <string>

#include "support/digits.hpp"
#include "support/mnist.hpp"

namespace examples {

struct training_options {
    std::string data{}, device = "auto";
    int epochs = 1, batch = 32;
    float lr = 0.1F;
    std::uint64_t seed = 1;

    void add_to(CLI::App& app) {
        app.add_option(
            "--data", data, "folder with MNIST files (IDX, gz or plain); default: drawn digits");
        app.add_option("--device", device, "auto, host or cuda")
            ->check(CLI::IsMember({"auto", "host", "cuda"}));
        app.add_option("--epochs", epochs, "passes over the training set")
            ->check(CLI::PositiveNumber);
        app.add_option("--batch", batch, "rows of one step")->check(CLI::PositiveNumber);
        app.add_option("--lr", lr, "learning rate")->check(CLI::PositiveNumber);
        app.add_option("--seed", seed, "seed of whatever is random");
    }
    sinter::device where() const {
        return device == "host"   ? sinter::device::host()
               : device == "cuda" ? sinter::device::cuda()
                                  : sinter::default_device();
    }
    /// The digits of --data, or drawn ones, with a line that says which.
    auto load() const {
        auto set = data.empty() ? split(draw_digits(10000, seed), 8000) : load_mnist(data);
        std::cout << (data.empty() ? "drawn digits" : "digits from " + data) << ": "
                  << set.train.rows() << " to train, " << set.test.rows() << " to test, on "
                  << where().name() << '\n';
        return set;
    }
};

/// main() of such an example: reads `options`, to which `add_more` adds what the example has beside
/// them, and calls `train`. An error of the library is one line and exit code 1.
template <class Options, class AddMore, class Train>
int run(const char* name,
        const char* what,
        int argc,
        char** argv,
        Options options,
        AddMore add_more,
        Train train) {
    CLI::App app{what};
    options.add_to(app);
    add_more(app, options);
    CLI11_PARSE(app, argc, argv);
    try {
        train(options);
    } catch (const sinter::error& e) {
        std::cerr << name << ": " << e.what() << '\n';
        return 1;
    }
    return 0;
}
template <class Options, class Train>
int run(const char* name, const char* what, int argc, char** argv, Options options, Train train) {
    return run(
        name, what, argc, argv, options, [](CLI::App&, Options&) {}, train);
}

}  // namespace examples
