// Where a run stands, to the last number: what its checkpoint holds beside weights and optimiser.
#pragma once

#include "sinter/random.hpp"
#include "sinter/train/store.hpp"
#include "sinter/train/totals.hpp"

namespace sinter::train::detail {

/// By what two runs must agree for one to go on with the other's checkpoint.
struct run_settings {
    int64 rows = 0, batch = 0, accumulate = 1;
    bool drop_last = false, shuffle = false;
    uint64 seed = 0;

    std::vector<int64> numbers() const {
        return {rows, batch, accumulate, drop_last, shuffle, static_cast<int64>(seed)};
    }
    void require(const std::vector<int64>& saved) const {
        const char* const names[] = {
            "rows of data", "batch", "accumulate", "drop_last", "shuffle", "seed"};
        const std::vector<int64> now = numbers();
        for (std::size_t i = 0; i < now.size(); ++i)
            if (now[i] != saved[i])
                throw error("fit: the checkpoint is of a run with another " +
                            std::string(names[i]) + ": " + std::to_string(saved[i]) + ", not " +
                            std::to_string(now[i]) + ". Nothing was changed.");
    }
};

struct run_state {
    int64 epoch = 0, batch = 0, step = 0;  // whole epochs; batches of the next one; batches in all
    int64 schedule_steps = 0;
    std::vector<double> first_rates{};  // of the optimiser's groups, before any schedule
    history past{};
    sums in_epoch{};
    double plateau_best = 0;
    int64 plateau_bad = 0, plateau_waiting = 0;

    io::named_arrays save(const run_settings& s, const watch& w) const {
        const auto random = random_state().from();
        io::named_arrays r;
        r.add("settings", detail::numbers(s.numbers()));
        r.add("place",
              detail::numbers(std::vector<int64>{epoch,
                                                 batch,
                                                 step,
                                                 schedule_steps,
                                                 in_epoch.right,
                                                 in_epoch.cases,
                                                 in_epoch.rows,
                                                 plateau_bad,
                                                 plateau_waiting,
                                                 w.best_epoch,
                                                 w.best_step,
                                                 w.waited}));
        r.add("figures",
              detail::numbers(std::vector<double>{in_epoch.loss, plateau_best, w.best, w.mark}));
        r.add("random",
              detail::numbers(std::vector<int64>{static_cast<int64>(random.seed),
                                                 static_cast<int64>(random.stream)}));
        r.add("first_rates", detail::numbers(first_rates));
        std::vector<double> table;
        for (const epoch_record& e : past.epochs)
            table.insert(table.end(),
                         {e.loss,
                          e.accuracy,
                          e.val_loss,
                          e.val_accuracy,
                          e.lr,
                          e.samples_per_second,
                          e.seconds});
        r.add("history", detail::numbers(table));
        return r;
    }
    /// Takes what `save` gave; the random streams of the program go back to where they were. Throws
    /// with nothing changed.
    void load(const io::named_arrays& from, const run_settings& s, watch& w) {
        s.require(detail::numbers<int64>(from, "settings", 6));
        const auto place = detail::numbers<int64>(from, "place", 12);
        const auto sum = detail::numbers<double>(from, "figures", 4);
        const auto random = detail::numbers<int64>(from, "random", 2);
        const std::size_t groups = first_rates.size();
        const auto rates = detail::numbers<double>(from, "first_rates", groups);
        const auto rows = static_cast<std::size_t>(place[0]);
        const auto table = detail::numbers<double>(from, "history", 7 * rows);
        first_rates = rates;
        epoch = place[0];
        batch = place[1];
        step = place[2];
        schedule_steps = place[3];
        in_epoch = {sum[0], place[4], place[5], place[6]};
        plateau_best = sum[1];
        plateau_bad = place[7];
        plateau_waiting = place[8];
        w.best = sum[2];
        w.mark = sum[3];
        w.best_epoch = place[9];
        w.best_step = place[10];
        w.waited = place[11];
        set_random_state(
            random_key(static_cast<uint64>(random[0]), static_cast<uint64>(random[1])));
        past.epochs.clear();
        for (std::size_t i = 0; i < rows; ++i) {
            const double* v = table.data() + 7 * i;
            past.epochs.push_back(
                {static_cast<int64>(i + 1), v[0], v[1], v[2], v[3], v[4], v[5], v[6]});
        }
        past.first_epoch = epoch + 1;
        past.best_epoch = w.best_epoch;
    }
};

}  // namespace sinter::train::detail
