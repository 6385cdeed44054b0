// The command line and the data of the examples: compiled once for all of them.
#include "support/training.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "support/digits.hpp"
#include "support/mnist.hpp"

namespace examples {

train_test training_options::load() const {
    train_test set = data.empty() ? split(draw_digits(10000, seed), 8000) : load_mnist(data);
    for (labelled_images* const part : {&set.train, &set.test}) {
        const std::size_t kept = std::min(rows, part->rows());
        part->images.resize(kept * image_pixels);
        part->labels.resize(kept);
    }
    std::cout << (data.empty() ? "drawn digits" : "digits from " + data) << ": " << set.train.rows()
              << " to train, " << set.test.rows() << " to test, on " << where().name() << '\n';
    return set;
}

int run(const char* name,
        const char* what,
        int argc,
        char** argv,
        training_options options,
        const std::function<void(const training_options&)>& train) {
    CLI::App app{what};
    app.add_option("--data",
                   options.data,
                   "folder with MNIST files (IDX, gz or plain); default: the example's own data");
    app.add_option("--device", options.device, "auto, host or cuda")
        ->check(CLI::IsMember({"auto", "host", "cuda"}));
    app.add_option("--epochs", options.epochs, "passes over the training set")
        ->check(CLI::PositiveNumber);
    app.add_option("--batch", options.batch, "rows of one step")->check(CLI::PositiveNumber);
    app.add_option("--rows", options.rows, "train and test with so many images at most")
        ->check(CLI::PositiveNumber);
    app.add_option("--lr", options.lr, "learning rate")->check(CLI::PositiveNumber);
    app.add_option("--seed", options.seed, "seed of whatever is random");
    if (!options.out.empty()) app.add_option("--out", options.out, "the picture that is written");
    CLI11_PARSE(app, argc, argv);
    try {
        train(options);
    } catch (const sinter::error& e) {
        std::cerr << name << ": " << e.what() << '\n';
        return 1;
    }
    return 0;
}

}  // namespace examples
