// Training goes on exactly where it stopped, and survives being killed.
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

std::vector<double> losses_of(const train::history& h) {
    std::vector<double> v;
    for (const auto& e : h.epochs)
        v.insert(v.end(), {e.loss, e.accuracy, e.val_loss, e.val_accuracy, e.lr});
    return v;
}
// The run that is interrupted.
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
TEST_CASE("checkpoints of another run are refused before anything runs") {
    const tensor_test::default_device_scope on(device::host());
    const scratch_folder folder("refused");
    learner l(3);
    auto o = long_run(folder);
    o.epochs = 1;
    l.fit(points(long_rows), o);
    const auto refused = [&](const options& p) {
        return error_of([&] { l.fit(points(long_rows), p); });
    };
    o.checkpoint.resume = false;
    CHECK(refused(o).find("holds checkpoints of an earlier run: set checkpoint.resume") !=
          std::string::npos);
    o.checkpoint.resume = true;
    o.seed = 6;
    CHECK(refused(o) ==
          "fit: the checkpoint is of a run with another seed: 5, not 6. Nothing was changed.");
}
