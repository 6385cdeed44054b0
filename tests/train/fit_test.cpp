// Training as one call: it learns, and says how it went.
#include <fstream>
#include <sstream>

#include "train/support.hpp"

namespace {

using namespace train_test;
using tensor_test::error_of;

}  // namespace

TEST_CASE("fit learns, and tells of every epoch") {
    tensor_test::on_each_device([](device d) {
        const bool small = d.is_emulator();
        learner l;
        std::ostringstream text;
        const int64 rows = small ? 40 : 301;
        const auto h = l.fit(points(rows),
                             {.epochs = small ? 2 : 12,
                              .batch = 16,
                              .seed = 1,
                              .validation = points(rows / 2, 2),
                              .progress = {.to = &text}});
        REQUIRE(h.epochs.size() == (small ? 2 : 12));
        CHECK(h.end == train::ending::finished);
        CHECK(h.epochs[0].epoch == 1);
        CHECK(h.last().loss < h.epochs[0].loss);
        if (!small) CHECK(h.last().val_accuracy > 0.9);
        CHECK(h.last().samples_per_second > 0);
        CHECK(h.last().lr == 0.02);
        // The figures are those of a test by hand.
        const auto f = train::test(l.net, points(rows / 2, 2), {.batch = 7});
        CHECK(f.loss == doctest::Approx(h.last().val_loss).epsilon(1e-5));
        CHECK(f.accuracy == h.last().val_accuracy);
        CHECK(f.rows == rows / 2);
        CHECK(l.net.at<2>().training);
        // One line an epoch where nobody redraws it.
        const std::string said = text.str();
        CHECK(std::count(said.begin(), said.end(), '\n') == (small ? 2 : 12));
        CHECK(said.rfind(small ? "Epoch 1/2 3/3 - loss: " : "Epoch 1/12 19/19 - loss: ", 0) == 0);
        CHECK(said.find(" - val_accuracy: ") != std::string::npos);
        CHECK(said.find('\x1b') == std::string::npos);
    });
}

TEST_CASE("a step of fit waits for nothing and launches little beside the step itself") {
    const auto set = points(64);
    learner l;
    std::vector<sn::uint64> at;
    sn::launch_counter ran;
    l.fit(set, {.batch = 16, .shuffle = false, .progress = silent, .on_batch = [&](auto&) {
                    at.push_back(ran.launches());
                }});
    REQUIRE(at.size() == 4);
    sn::launch_counter by_hand;
    l.optimizer.zero_grad();
    const auto [x, y] = set.rows(0, 16);
    const sn::variable z(l.net(static_cast<const sn::tensor<float, 2>&>(x)));
    const sn::variable loss(
        train::cross_entropy_loss{}(z, static_cast<const sn::tensor<int64, 1>&>(y)));
    loss.backward();
    l.optimizer.step();
    CHECK(at[2] - at[1] == at[3] - at[2]);
    CHECK(at[3] - at[2] <= by_hand.launches() + 3);
    sn::launch_counter predicted;
    const auto p = train::predict(l.net, set, {.batch = 64});
    CHECK(p.extent(0) == 64);
    const auto f = train::test(l.net, set);
    CHECK(sn::eval(sum(sn::astype<int64>(p == std::get<1>(set.arrays())))).item() ==
          std::lround(f.accuracy * 64));
    CHECK(f.rows == 64);
}

TEST_CASE("the running figures are read while training goes on") {
    tensor_test::on_each_device([](device) {
        learner l;
        std::ostringstream text;
        const auto h = l.fit(points(96), {.batch = 8, .progress = {.to = &text, .every = 1e-9}});
        std::istringstream lines(text.str());
        std::string line, last;
        int count = 0;
        for (; std::getline(lines, line); ++count) {
            last = line;
            REQUIRE(line.rfind("Epoch 1/1 ", 0) == 0);
            const double loss = std::stod(line.substr(line.find("loss: ") + 6));
            CHECK(loss > 0.3);
            CHECK(loss < 2);
        }
        // Off the host one batch asks, and a later one shows.
        CHECK(count >= 6);
        CHECK(count <= 12);
        REQUIRE(last.find("12/12 - loss: ") != std::string::npos);
        CHECK(std::abs(std::stod(last.substr(last.find("loss: ") + 6)) - h.last().loss) < 1e-4);
    });
}

TEST_CASE("equal seeds give equal runs, others do not") {
    const auto run = [](sn::uint64 seed, bool shuffle = true) {
        learner l;
        loss_log log;
        l.fit(points(50),
              {.epochs = 2,
               .batch = 16,
               .shuffle = shuffle,
               .seed = seed,
               .progress = silent,
               .on_batch = log.callback()});
        return log.losses;
    };
    const auto a = run(1);
    CHECK(a.size() == 8);
    CHECK(same_bits(a, run(1)));
    CHECK(!same_bits(a, run(2)));
    CHECK(same_bits(run(1, false), run(2, false)));
}

TEST_CASE("early stopping ends a run and takes the best weights back") {
    const device host = device::host();
    const tensor_test::default_device_scope on(host);
    for (const bool files : {false, true}) {
        CAPTURE(files);
        const scratch_folder folder("early");
        // A rate so high that learning soon gets worse.
        learner l(1, 0.05, 0);
        const auto validation = points(64, 3);
        std::vector<std::vector<float>> after;
        options o{.epochs = 60,
                  .batch = 32,
                  .validation = validation,
                  .watch = train::figure::val_loss,
                  .early_stop = train::early_stopping{.patience = 2},
                  .progress = silent,
                  .on_epoch = [&](train::fit_state& s) {
                      after.push_back(l.weights());
                      if (s.epoch == 3) l.optimizer.group().lr = 30;
                  }};
        if (files) o.checkpoint = {.folder = folder, .keep = 1};
        const auto h = l.fit(points(96), o);
        CHECK(h.end == train::ending::early_stop);
        CHECK(h.best_epoch >= 1);
        CHECK(h.last().epoch == h.best_epoch + 2);
        double best = h.epochs[0].val_loss;
        for (const auto& e : h.epochs) best = std::min(best, e.val_loss);
        const auto at = static_cast<std::size_t>(h.best_epoch - 1);
        CHECK(h.epochs[at].val_loss == best);
        CHECK(same_bits(l.weights(), after[at]));
        CHECK(train::test(l.net, validation).loss == doctest::Approx(best).epsilon(1e-6));
        // The last checkpoint and the best one stay.
        if (files) CHECK(names_in(folder).size() == 2);
    }
}

TEST_CASE("a run leaves its table and its curves behind") {
    const tensor_test::default_device_scope on(device::host());
    const scratch_folder folder("files");
    learner l;
    const auto h = l.fit(
        points(32),
        {.epochs = 3, .folder = folder, .progress = silent, .on_epoch = [&](train::fit_state& s) {
             std::ifstream file(folder / "metrics.csv");
             const std::string text(std::istreambuf_iterator<char>(file), {});
             CHECK(text == s.past->csv());
         }});
    CHECK(names_in(folder) == std::vector<std::string>{"accuracy.svg", "loss.svg", "metrics.csv"});
}

TEST_CASE("rates follow a schedule or a plateau; clipping and callbacks do what they say") {
    const tensor_test::default_device_scope on(device::host());
    const auto set = points(32);
    learner l;
    auto h = l.fit(set,
                   {.epochs = 4,
                    .schedule = sn::optim::step_lr{.step_size = 2, .gamma = 0.5},
                    .progress = silent});
    CHECK(h.epochs[1].lr == 0.02);
    CHECK(h.epochs[2].lr == 0.01);
    learner p;
    h = p.fit(
        set,
        {.epochs = 4,
         .plateau = sn::optim::reduce_lr_on_plateau_options{.factor = 0.5,
                                                            .patience = 0,
                                                            .threshold = 10,
                                                            .threshold_mode =
                                                                sn::optim::threshold_mode::abs},
         .watch = train::figure::loss,
         .progress = silent});
    CHECK(h.epochs[1].lr == 0.02);
    CHECK(h.epochs[2].lr == 0.01);
    CHECK(h.epochs[3].lr == 0.005);
    learner c;
    const auto before = c.weights();
    h = c.fit(set,
              {.epochs = 3,
               .batch = 8,
               .clip = train::clip_value(c.optimizer, 0),
               .progress = silent,
               .on_batch = [](train::fit_state& s) { s.stop = s.epoch == 2 && s.batch == 3; }});
    CHECK(same_bits(before, c.weights()));
    CHECK(h.end == train::ending::callback);
    CHECK(h.epochs.size() == 1);
    // A loss that is no number ends training.
    learner n(1, 1e38);
    h = n.fit(set, {.epochs = 50, .batch = 8, .progress = silent});
    CHECK(h.end == train::ending::diverged);
    CHECK(h.epochs.size() < 50);
}

TEST_CASE("batches that share a step are one large batch") {
    tensor_test::on_each_device([](device) {
        const auto run = [](options o, learner l) {
            o.epochs = 3;
            o.seed = 5;
            o.progress = silent;
            l.fit(points(44), o);
            CHECK(l.optimizer.steps() == (o.batch * o.accumulate == 16 ? 9 : 6));
            return l.weights();
        };
        const auto compare = [&](int64 accumulate, int64 batch) {
            const auto parts = run({.batch = batch, .accumulate = accumulate}, learner(3, 0.02, 0)),
                       whole = run({.batch = batch * accumulate}, learner(3, 0.02, 0));
            double apart = 0;
            for (std::size_t i = 0; i < whole.size(); ++i)
                apart = std::max(apart, static_cast<double>(std::abs(parts[i] - whole[i])));
            CHECK(apart < 1e-4);
        };
        compare(2, 8);  // 16, 16, and 8 with 4
        compare(5, 6);  // five, and 6, 6 with 2
    });
}

TEST_CASE("a loader and a function that prepares the input train as a data set does") {
    const tensor_test::default_device_scope on(device::host());
    const auto set = points(50);
    const auto& [x, y] = set.arrays();
    // In memory, so that the model's programs are those of the other cases.
    const auto halved = [](const auto& a) { return sn::eval(a * 0.5F); };
    learner one;
    loss_log first, second;
    const auto h = one.fit(
        sn::data::dataset(sn::eval(x * 0.5F), y),
        {.epochs = 2, .batch = 8, .seed = 4, .progress = silent, .on_batch = first.callback()});
    learner two;
    sn::data::loader load({.batch_size = 8, .shuffle = true, .seed = 4}, x, y);
    const auto g = train::fit(
        two.net,
        two.optimizer,
        train::prepared(load, halved),
        {.epochs = 2, .validation = set, .progress = silent, .on_batch = second.callback()});
    CHECK(same_bits(first.losses, second.losses));
    CHECK(same_bits(one.weights(), two.weights()));
    CHECK(train::test(two.net, train::prepared(set, halved)).loss == g.last().val_loss);
    // What takes a key is for training alone.
    std::vector<sn::random_key> keys;
    const auto noted = [&](const auto& a, const sn::random_key& k) {
        keys.push_back(k);
        return sn::eval(a * 0.5F);
    };
    CHECK(h.last().loss > 0);
    CHECK(train::test(two.net, train::prepared(set, noted)).loss == train::test(two.net, set).loss);
    CHECK(keys.empty());
}

TEST_CASE("what makes no sense is refused before anything runs") {
    const tensor_test::default_device_scope on(device::host());
    learner l(3);
    const auto refused = [&](options p) { return error_of([&] { l.fit(points(100), p); }); };
    CHECK(refused({.schedule = sn::optim::step_lr{},
                   .plateau = sn::optim::reduce_lr_on_plateau_options{}}) ==
          "fit: both a schedule and a plateau would set the rates: choose one.");
    CHECK(refused({.epochs = -1}) == "fit: epochs must not be negative, but is -1.");
    CHECK(refused({.accumulate = 0}) == "fit: accumulate must be at least 1, but is 0.");
    CHECK(refused({.batch = 0}) == "fit: batch_size must be at least 1, not 0.");
    CHECK(error_of([&] { l.fit(points(0), {}); }) == "fit: the data have not even one batch.");
    CHECK(refused({.watch = train::figure::val_loss, .progress = silent})
              .find("fit: the figure that `watch` names was not measured") == 0);
}
