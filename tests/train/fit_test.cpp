// Training as one call: it learns, says how it went, goes on exactly where it stopped, and survives
// being killed.
#include <sinter/train/checkpoint.hpp>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <fstream>
#include <random>
#include <sstream>

#include "train/support.hpp"

namespace {

using namespace train_test;
using tensor_test::error_of;

const train::progress_options silent{.quiet = true};

/// The losses of all batches, as they are on the device.
struct loss_log {
    std::vector<float> losses;
    auto callback() {
        return [this](train::fit_state& s) {
            losses.push_back(s.loss.on_host().as<float, 0>().item());
        };
    }
};
std::vector<double> losses_of(const train::history& h) {
    std::vector<double> v;
    for (const auto& e : h.epochs)
        v.insert(v.end(), {e.loss, e.accuracy, e.val_loss, e.val_accuracy, e.lr});
    return v;
}
std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& e : fs::directory_iterator(folder))
        names.push_back(e.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

// ---- the run that is interrupted

const int64 long_epochs = 4, long_rows = 100, long_batch = 16;
options long_run(const fs::path& folder) {
    return {.epochs = long_epochs,
            .batch = long_batch,
            .seed = 5,
            .validation = points(40, 9, device::host()),
            .schedule = sn::optim::cosine_annealing_lr{.T_max = 28},
            .schedule_step = train::each::batch,
            .checkpoint = {.folder = folder, .resume = true, .every_batches = 1, .keep = 2},
            .progress = silent};
}
const char* const child_folder = "SINTER_TEST_TRAINING_FOLDER";

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

TEST_CASE("a run that is resumed has the same losses, bit for bit, as one that was not stopped") {
    const tensor_test::default_device_scope on(device::host());
    loss_log whole;
    learner l(3);
    const scratch_folder folder("whole");
    auto o = long_run(folder);
    o.on_batch = whole.callback();
    const auto h = l.fit(points(long_rows), o);
    REQUIRE(whole.losses.size() == 28);
    for (const int64 stop_at : {1, 6, 7, 13, 21}) {
        CAPTURE(stop_at);
        const scratch_folder other("part");
        loss_log parts;
        auto p = long_run(other);
        p.checkpoint.every_batches = stop_at % 7;
        p.on_batch = [&, note = parts.callback()](train::fit_state& s) mutable {
            note(s);
            s.stop = s.step == stop_at;
        };
        {
            learner a(3);
            const auto first = a.fit(points(long_rows), p);
            CHECK(first.end == train::ending::callback);
        }
        // Another process, as it were: other weights, another state of the random streams.
        learner b(77, 0.5);
        sn::manual_seed(12345);
        p.on_batch = parts.callback();
        const auto second = b.fit(points(long_rows), p);
        CHECK(same_bits(parts.losses, whole.losses));
        CHECK(same_bits(b.weights(), l.weights()));
        CHECK(same_bits(losses_of(second), losses_of(h)));
        CHECK(second.first_epoch == (stop_at - 1) / 7 + 1);
    }
    // Where batches share a step, checkpoints and a stop wait for it: of 7 batches, after 3, 6
    // and 7.
    const auto shared = [](const std::string& name, int64 stop_at) {
        const scratch_folder to(name);
        loss_log log;
        auto p = long_run(to);
        p.epochs = 2;
        p.accumulate = 3;
        p.on_batch = [&, note = log.callback()](train::fit_state& s) mutable {
            note(s);
            s.stop = s.step >= stop_at;
        };
        learner(3).fit(points(long_rows), p);
        if (stop_at < 14) CHECK(names_in(to).back() == "step-000000010.safetensors");
        p.on_batch = log.callback();
        learner(77).fit(points(long_rows), p);
        CHECK(log.losses.size() == 14);
        return log.losses;
    };
    CHECK(same_bits(shared("shared", 8), shared("at-once", 99)));
    // A run that has ended has nothing left to do; with more epochs it goes on.
    learner c(8);
    loss_log more;
    o.on_batch = more.callback();
    CHECK(c.fit(points(long_rows), o).epochs.size() == long_epochs);
    CHECK(more.losses.empty());
    CHECK(same_bits(c.weights(), l.weights()));
    o.epochs = long_epochs + 1;
    CHECK(c.fit(points(long_rows), o).epochs.size() == long_epochs + 1);
    CHECK(more.losses.size() == 7);
}

// What the next case starts as a program of its own, and kills.
TEST_CASE("training in a child process" * doctest::skip()) {
    const char* const folder = std::getenv(child_folder);
    REQUIRE(folder);
    const tensor_test::default_device_scope on(device::host());
    learner l(3);
    std::ofstream log(fs::path(folder) / "losses", std::ios::app | std::ios::binary);
    auto o = long_run(folder);
    o.epochs = 40;
    o.on_batch = [&](train::fit_state& s) {
        const float loss = s.loss.on_host().as<float, 0>().item();
        const double line[] = {static_cast<double>(s.step), static_cast<double>(loss)};
        log.write(reinterpret_cast<const char*>(line), sizeof line).flush();
    };
    l.fit(points(long_rows), o);
    std::ofstream(fs::path(folder) / "done") << "done";
}

TEST_CASE("training that is killed at any moment goes on as if nothing had happened") {
    const scratch_folder folder("killed");
    fs::create_directories(folder);
    const std::string place = fs::path(folder).string();
    std::minstd_rand random(static_cast<unsigned>(::getpid()));
    int kills = 0, runs = 0;
    for (; !fs::exists(folder / "done"); ++runs) {
        REQUIRE(runs < 200);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            ::setenv(child_folder, place.c_str(), 1);
            ::execl("/proc/self/exe",
                    "train",
                    "--no-skip",
                    "--test-case=training in a child process",
                    "--minimal=true",
                    static_cast<char*>(nullptr));
            ::_exit(127);
        }
        // The first ones die early or late, the last may finish.
        if (runs < 8) {
            const auto wait = static_cast<useconds_t>(5'000 + random() % 120'000);
            ::usleep(wait);
            ::kill(child, SIGKILL);
        }
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        if (WIFSIGNALED(status)) ++kills;
        REQUIRE((WIFSIGNALED(status) || WEXITSTATUS(status) == 0));
        // Whatever stands under a checkpoint's name is whole.
        int64 newest = 0;
        for (const auto& name : names_in(folder))
            if (name.size() > 12 && name.substr(name.size() - 12) == ".safetensors") {
                const auto saved = sn::io::load_safetensors(folder / name, device::host());
                newest = std::max(newest, saved.at("training.place").as<int64, 1>()(2));
            }
        // No step that was finished after a checkpoint is lost.
        std::ifstream log(folder / "losses", std::ios::binary);
        double line[2], last = 0;
        while (log.read(reinterpret_cast<char*>(line), sizeof line)) last = line[0];
        CHECK(newest >= static_cast<int64>(last) - 1);
    }
    CHECK(kills >= 3);
    // All the losses, those of steps that ran twice included, are the ones of a run in one piece.
    const tensor_test::default_device_scope on(device::host());
    learner l(3);
    loss_log whole;
    auto o = long_run({});
    o.checkpoint = {};
    o.epochs = 40;
    o.on_batch = whole.callback();
    l.fit(points(long_rows), o);
    std::ifstream log(folder / "losses", std::ios::binary);
    double line[2];
    std::vector<bool> seen(whole.losses.size());
    while (log.read(reinterpret_cast<char*>(line), sizeof line)) {
        const auto at = static_cast<std::size_t>(line[0]) - 1;
        REQUIRE(at < whole.losses.size());
        CHECK(line[1] == static_cast<double>(whole.losses[at]));
        seen[at] = true;
    }
    CHECK(std::count(seen.begin(), seen.end(), false) <= kills);
    for (const auto& name : names_in(folder)) CHECK(name.find(".part-") == std::string::npos);
}

TEST_CASE("a checkpoint that cannot be written is an error, and the one before it stays") {
    const tensor_test::default_device_scope on(device::host());
    const scratch_folder folder("full");
    learner l(3);
    auto o = long_run(folder);
    o.epochs = 1;
    l.fit(points(long_rows), o);
    const auto before = names_in(folder);
    REQUIRE(before.size() == 2);
    // No file may grow beyond 600 bytes: as on a full disk.
    struct rlimit limit {};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &limit) == 0);
    const auto old_handler = ::signal(SIGXFSZ, SIG_IGN);
    struct rlimit small = limit;
    small.rlim_cur = 600;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    o.epochs = 2;
    const std::string said = error_of([&] { l.fit(points(long_rows), o); });
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, old_handler);
    CHECK(said.find("Writing ") == 0);
    CHECK(said.find(" failed: File too large.") != std::string::npos);
    CHECK(names_in(folder) == before);
    // A newest one that is damaged is passed over, and said so.
    fs::resize_file(folder / before[1], 1000);
    std::ostringstream text;
    o.progress = {.to = &text};
    CHECK(l.fit(points(long_rows), o).epochs.size() == 2);
    CHECK(text.str().find("Reading ") == 0);
    CHECK(text.str().find("Resumed after epoch 0, batch 6.") != std::string::npos);
}

TEST_CASE("what makes no sense is refused before anything runs") {
    const tensor_test::default_device_scope on(device::host());
    const scratch_folder folder("refused");
    learner l(3);
    auto o = long_run(folder);
    o.epochs = 1;
    l.fit(points(long_rows), o);
    const auto refused = [&](options p) { return error_of([&] { l.fit(points(long_rows), p); }); };
    o.checkpoint.resume = false;
    CHECK(refused(o).find("holds checkpoints of an earlier run: set checkpoint.resume") !=
          std::string::npos);
    o.checkpoint.resume = true;
    o.seed = 6;
    CHECK(refused(o) ==
          "fit: the checkpoint is of a run with another seed: 5, not 6. Nothing was changed.");
    o = {.schedule = sn::optim::step_lr{}, .plateau = sn::optim::reduce_lr_on_plateau_options{}};
    CHECK(refused(o) == "fit: both a schedule and a plateau would set the rates: choose one.");
    CHECK(refused({.epochs = -1}) == "fit: epochs must not be negative, but is -1.");
    CHECK(refused({.accumulate = 0}) == "fit: accumulate must be at least 1, but is 0.");
    CHECK(refused({.batch = 0}) == "fit: batch_size must be at least 1, not 0.");
    CHECK(error_of([&] { l.fit(points(0), {}); }) == "fit: the data have not even one batch.");
    CHECK(refused({.watch = train::figure::val_loss, .progress = silent})
              .find("fit: the figure that `watch` names was not measured") == 0);
}
