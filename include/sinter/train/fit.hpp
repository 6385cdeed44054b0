// Training as one call.
#pragma once

#include "sinter/nn/state.hpp"
#include "sinter/optim/module.hpp"
#include "sinter/train/curves.hpp"
#include "sinter/train/run_state.hpp"
#include "sinter/train/test.hpp"

namespace sinter::train {

namespace detail {

/// One run of `fit`. A step queues work and waits for nothing: losses are added up on the device
/// and read when an epoch ends, those of the progress line when they have arrived.
template <class M, class O, class Loss, class D, class B>
class trainer {
public:
    using feed_type = feed<std::remove_cvref_t<D>>;
    using options = fit_options<typename feed_type::set_type>;

    trainer(M& model, O& optimizer, const Loss& loss, D& data, const options& o)
        : model_(model),
          optimizer_(optimizer),
          loss_(loss),
          o_(o),
          data_(data, {o.batch, o.drop_last, o.shuffle, o.seed}),
          settings_{data_.rows(), data_.batch_size(), o.accumulate, o.drop_last, o.shuffle, o.seed},
          sum_(data_.where()),
          watch_(o.watch, o.early_stop),
          store_(o.checkpoint),
          line_(o.progress) {
        if (o.epochs < 0)
            throw error("fit: epochs must not be negative, but is " + std::to_string(o.epochs) +
                        ".");
        if (o.accumulate < 1)
            throw error("fit: accumulate must be at least 1, but is " +
                        std::to_string(o.accumulate) + ".");
        if (data_.batches() == 0) throw error("fit: the data have not even one batch.");
        if (o.schedule && o.plateau)
            throw error("fit: both a schedule and a plateau would set the rates: choose one.");
        for (std::size_t i = 0; i < optimizer.group_count(); ++i)
            now_.first_rates.push_back(optimizer.group(i).lr);
        if (o.schedule) schedule_.emplace(optimizer, o.schedule);
        if (o.plateau) {
            auto p = *o.plateau;
            p.mode =
                watch_.higher_is_better() ? optim::plateau_mode::max : optim::plateau_mode::min;
            plateau_.emplace(optimizer, p);
        }
    }

    history run() {
        if constexpr (nn::module<M>) nn::train(model_);
        store_.resume([this](const io::named_arrays& a) { restore(a); },
                      [this](const std::string& text) { line_.say(text); });
        const int64 first_step = now_.step;
        state_.past = &now_.past;
        bool stop = watch_.should_stop();
        if (stop) now_.past.end = ending::early_stop;
        while (now_.epoch < o_.epochs && !stop) stop = run_epoch(first_step);
        restore_best();
        write_files(true);
        return std::move(now_.past);
    }

private:
    standing where_it_stands() const {
        const int64 all = data_.batches();
        return {now_.epoch + 1, o_.epochs, now_.batch, all, now_.step, all * o_.epochs};
    }
    /// One epoch, or what is left of it. True when training must end.
    bool run_epoch(int64 first_step) {
        line_.begin_epoch();
        data_.template start<B>(now_.epoch, now_.batch);
        sum_.set(now_.in_epoch);
        const int64 rows_before = now_.in_epoch.rows;
        sums seen;
        bool due = false;  // a checkpoint, when the batches that share a step are done
        while (data_.more()) {
            run_batch(data_.next());
            ++now_.batch;
            ++now_.step;
            const bool whole = now_.batch % o_.accumulate == 0 || !data_.more();
            due = due || store_.due_after_batch(now_.step);
            if (due && whole && data_.more()) {
                save();
                due = false;
            }
            if (line_.due() && data_.more() && sum_.poll(seen)) {
                const double spent = line_.epoch_seconds();
                epoch_record r = record_of(seen);
                r.samples_per_second = static_cast<double>(seen.rows - rows_before) / spent;
                line_.show(where_it_stands(), r, now_.step - first_step);
            }
            // Gradients that wait for more batches are in no checkpoint: a stop waits too.
            if (o_.on_batch && called(o_.on_batch) && whole) {
                if (store_.on()) save();
                return true;
            }
        }
        const sums all = sum_.read();
        epoch_record r = record_of(all);
        r.seconds = line_.epoch_seconds();
        r.samples_per_second = static_cast<double>(all.rows - rows_before) / r.seconds;
        return end_epoch(r);
    }
    bool end_epoch(epoch_record r) {
        if (o_.validation) {
            feed<typename feed_type::set_type> from(*o_.validation, {.batch = o_.validation_batch});
            const figures f = test<B>(model_, loss_, from, data_.prepare());
            r.val_loss = f.loss;
            if (f.accuracy >= 0) r.val_accuracy = f.accuracy;
        }
        line_.end_epoch(where_it_stands(), r);
        now_.past.epochs.push_back(r);
        if (!std::isfinite(r.loss)) {
            now_.past.end = ending::diverged;
            line_.say("The loss is no longer a number: training ends.");
            return true;
        }
        const bool best = watch_.better(r);
        now_.past.best_epoch = watch_.best_epoch;
        if (best) watch_.best_step = now_.step;
        if (plateau_) plateau_->step(figure_of(r, o_.watch));
        if (schedule_ && o_.schedule_step == each::epoch) schedule_->step();
        ++now_.epoch;
        now_.batch = 0;
        sum_.set({});
        write_files(false);
        const bool stop = (o_.on_epoch && called(o_.on_epoch));
        if (store_.due_after_epoch(now_.epoch, best) || (stop && store_.on())) save();
        if (best && o_.early_stop && o_.early_stop->restore_best && !store_.on()) keep_best();
        if (!stop && !watch_.should_stop()) return false;
        if (!stop) now_.past.end = ending::early_stop;
        return true;
    }
    template <class Batch>
    void run_batch(const Batch& b) {
        const random_key key =
            random_key(o_.seed, ~uint64{0}).fold_in(static_cast<uint64>(now_.step));
        const int64 place = now_.batch % o_.accumulate;
        if (place == 0) optimizer_.zero_grad();
        const auto& target = target_of(b);
        const auto& input = std::get<0>(b);
        const variable z(output_of(model_, training_input(data_.prepare(), input, key), b));
        const variable loss(loss_(z, target));
        if (o_.accumulate == 1) {
            loss.template backward<B>();
        } else {
            using T = typename decltype(loss)::value_type;
            const tensor<T, 0> share(static_cast<T>(share_of(input.extent(0), place)));
            loss.template backward<B>(share.template to<B>(loss.where()));
        }
        if (place + 1 == o_.accumulate || now_.batch + 1 == data_.batches()) {
            if (o_.clip) o_.clip();
            optimizer_.template step<B>();
            if (schedule_ && o_.schedule_step == each::batch) schedule_->step();
        }
        sum_.add<B>(loss.detach(), loss_, z.detach(), target, input.extent(0));
        if (o_.on_batch) state_.loss = loss.detach();
    }
    /// What a batch of `rows` rows, the one at `place` of those that share a step, counts there.
    double share_of(int64 rows, int64 place) const {
        const int64 first = (now_.batch - place) * data_.batch_size();
        const int64 all = std::min(o_.accumulate * data_.batch_size(), data_.rows() - first);
        return static_cast<double>(rows) / static_cast<double>(all);
    }
    epoch_record record_of(const sums& s) const {
        const figures f = s.mean();
        epoch_record r;
        r.epoch = now_.epoch + 1;
        r.loss = f.loss;
        if (f.accuracy >= 0) r.accuracy = f.accuracy;
        r.lr = optimizer_.group(0).lr;
        return r;
    }
    /// True when the callback stops training.
    bool called(const std::function<void(fit_state&)>& f) {
        state_.epoch = now_.epoch + (now_.batch > 0 ? 1 : 0);
        state_.epochs = o_.epochs;
        state_.batch = now_.batch > 0 ? now_.batch : data_.batches();
        state_.batches = data_.batches();
        state_.step = now_.step;
        f(state_);
        if (state_.stop) now_.past.end = ending::callback;
        return state_.stop;
    }
    void write_files(bool pictures) {
        if (o_.folder.empty()) return;
        std::error_code failed;
        std::filesystem::create_directories(o_.folder, failed);
        write_text(o_.folder / "metrics.csv", now_.past.csv());
        if (pictures) write_curves(o_.folder, now_.past);
    }

    // ---- checkpoints

    io::named_arrays weights() {
        if constexpr (nn::module<M>) {
            return nn::state_dict(model_);
        } else {
            throw error(
                "fit: checkpoints and the best epoch's weights need a model that names its "
                "members; see docs/nn.md.");
        }
    }
    void save() {
        now_.in_epoch = now_.batch > 0 ? sum_.read() : sums{};
        if (schedule_) now_.schedule_steps = schedule_->steps();
        if (plateau_) {
            const auto m = plateau_->state();
            now_.plateau_best = m.best;
            now_.plateau_bad = m.bad;
            now_.plateau_waiting = m.waiting;
        }
        io::named_arrays all;
        add_below(all, "model.", weights());
        add_below(all, "optimizer.", optimizer_.state_dict());
        add_below(all, "training.", now_.save(settings_, watch_));
        store_.save(now_.step, all, watch_.best_step);
    }
    void restore(const io::named_arrays& all) {
        if constexpr (nn::module<M>) {
            run_state then = now_;
            watch seen = watch_;
            const random_key before = random_state();
            then.load(below(all, "training."), settings_, seen);
            try {
                nn::load_state_dict(model_, below(all, "model."));
                optimizer_.load_state_dict(below(all, "optimizer."));
            } catch (...) {
                set_random_state(before);
                throw;
            }
            now_ = std::move(then);
            watch_ = seen;
            if (schedule_) {
                for (std::size_t i = 0; i < optimizer_.group_count(); ++i)
                    optimizer_.group(i).lr = now_.first_rates.at(i);
                schedule_.emplace(optimizer_, o_.schedule);
                schedule_->resume(now_.schedule_steps);
            }
            if (plateau_)
                plateau_->resume({now_.plateau_best, now_.plateau_bad, now_.plateau_waiting});
            line_.say("Resumed after epoch " + std::to_string(now_.epoch) + ", batch " +
                      std::to_string(now_.batch) + ".");
        }
    }
    void keep_best() { best_ = copied(weights()); }
    void restore_best() {
        if constexpr (nn::module<M>) {
            if (!o_.early_stop || !o_.early_stop->restore_best || watch_.best_epoch == 0) return;
            if (watch_.best_step == now_.step) return;
            if (store_.on()) best_ = below(store_.load(watch_.best_step), "model.");
            nn::load_state_dict(model_, best_);
        }
    }

    M& model_;
    O& optimizer_;
    const Loss& loss_;
    const options& o_;
    feed_type data_;
    run_settings settings_;
    totals sum_;
    watch watch_;
    store store_;
    progress line_;
    run_state now_;
    fit_state state_;
    io::named_arrays best_;
    std::optional<optim::scheduler<O, any_schedule>> schedule_;
    std::optional<optim::reduce_lr_on_plateau<O>> plateau_;
};

}  // namespace detail

/// Trains `model` on `data`: a data set, a loader, or one of them `prepared`. The last array of a
/// batch is the target, the others go into the model (the only array is both). `loss(z, y)` of the
/// model's output and the target is a lazy mean over the batch, such as train::cross_entropy_loss
/// or a lambda; `optimizer` holds the model's parameters. Prints a line an epoch, which lives on a
/// terminal, and returns what every epoch was like. No step waits for the device. Ends early when
/// the loss is no longer a number.
template <class M, class O, class Loss, data_source D, class B = backend>
    requires(!data_source<Loss>)
history fit(M& model,
            O& optimizer,
            const Loss& loss,
            D&& data,
            const fit_options<typename detail::feed<std::remove_cvref_t<D>>::set_type>& o = {}) {
    return detail::trainer<M, O, Loss, std::remove_reference_t<D>, B>(
               model, optimizer, loss, data, o)
        .run();
}
/// The same with the cross-entropy.
template <class M, class O, data_source D, class B = backend>
history fit(M& model,
            O& optimizer,
            D&& data,
            const fit_options<typename detail::feed<std::remove_cvref_t<D>>::set_type>& o = {}) {
    return fit<M, O, cross_entropy_loss, D, B>(model, optimizer, {}, std::forward<D>(data), o);
}

}  // namespace sinter::train
