// What the examples that train share: their options, and the data that these ask for.
#pragma once

#include <cstdint>
#include <functional>
#include <iostream>
#include <sinter/sinter.hpp>
#include <string>

#include "support/dataset.hpp"

namespace examples {

struct training_options {
    std::string data{}, device = "auto", out{};
    int epochs = 1, batch = 32;
    float lr = 0.1F;
    std::uint64_t seed = 1;
    std::size_t rows = 60000;  ///< train and test with so many images at most

    sinter::device where() const {
        return device == "host"   ? sinter::device::host()
               : device == "cuda" ? sinter::device::cuda()
                                  : sinter::default_device();
    }
    /// The digits of --data, or drawn ones, with a line that says which.
    train_test load() const;
};

/// main() of such an example: `options` hold its defaults; reads the command line and calls
/// `train`. An error of the library is one line and exit code 1.
int run(const char* name,
        const char* what,
        int argc,
        char** argv,
        training_options options,
        const std::function<void(const training_options&)>& train);

}  // namespace examples
