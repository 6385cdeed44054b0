// What PyTorch computes, as golden.py wrote it.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace optim_test {

using numbers = std::vector<double>;

/// The lines of numbers below each name of golden.txt.
inline const std::map<std::string, std::vector<numbers>>& golden() {
    static const auto all = [] {
        std::map<std::string, std::vector<numbers>> r;
        std::ifstream file("tests/optim/golden.txt");
        std::string line, name;
        while (std::getline(file, line)) {
            std::istringstream words(line);
            numbers n;
            for (double x = 0; words >> x;) n.push_back(x);
            if (n.empty())
                name = line;
            else
                r[name].push_back(n);
        }
        REQUIRE(r.size() >= 30);
        return r;
    }();
    return all;
}

/// The largest difference, relative to values of at least 1; infinite when the lengths differ.
inline double difference(const numbers& a, const numbers& b) {
    if (a.size() != b.size()) return INFINITY;
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double d = std::fabs(a[i] - b[i]) / std::fmax(1, std::fabs(b[i]));
        worst = d <= worst ? worst : d;  // NaN is worst of all
    }
    return worst;
}

}  // namespace optim_test
