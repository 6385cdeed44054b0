// The host engine: runs a bound stage on the processor. The twin of the kernels.
#pragma once

#include "sinter/cpu/lift.hpp"
#include "sinter/cpu/map.hpp"
#include "sinter/cpu/matmul.hpp"
#include "sinter/cpu/rows.hpp"
#include "sinter/cpu/team.hpp"

namespace sinter::cpu {

/// Bytes on the stack for what runs in one thread.
inline constexpr int64 stack_bytes = 6144;

/// Arrays of equal order without gaps, as most are: true when that was the whole stage.
inline bool run_plain(const stage_loops& code, const ir::bound_stage& b) {
    constexpr int most = 8, registers = 16, most_made = 4;
    const loop& l = code.pass[0];
    const int rank = b.outer_rank + b.row_rank, made = code.made.count;
    if (rank > 1 || code.loads > most || code.stores > most || code.registers > registers ||
        code.row_stores.count > 0 || code.counted != 0 || made > most_made)
        return false;
    const int64 n = rank == 0 ? 1 : b.extent[0];
    for (int k = 0; k < code.loads; ++k)
        if (b.load[k].stride[0] != 1 && n > 1) return false;
    for (int k = 0; k < code.stores; ++k)
        if (b.store[k].data == nullptr || (b.store[k].stride[0] != 1 && n > 1)) return false;
    std::byte scalars[registers * 8];
    const row_lanes row{scalars, 8, 0};
    for (const row_value& s : code.scalars) set_register(row, s, b.scalar[s.number]);
    constexpr int64 piece = 512;  // elements that one loop makes for the next
    alignas(arena::line) std::byte tiles[most_made][piece * 8];
    alignas(arena::line) std::byte spare[2 * (most + most_made) * (line_call::spare_bytes + 8)];
    const auto run = [&](const loop& m, int64 at, int64 count) {
        const void* in[most + most_made];
        void* out[most];
        for (int k = 0; k < m.inputs.count; ++k) {
            const input& i = m.inputs[k];
            in[k] = i.load > code.loads
                        ? tiles[i.load - code.loads - 1]
                        : static_cast<const std::byte*>(b.load[i.load].data) + at * i.bytes;
        }
        for (int k = 0; k < m.outputs.count; ++k) {
            const output& o = m.outputs[k];
            out[k] = o.to == goes_to::keep
                         ? tiles[o.keep]
                         : static_cast<std::byte*>(b.store[o.store].data) + at * o.bytes;
        }
        line_call c{m, in, out, row, rows_are::one, b.functors};
        if (count % group == 0)
            c.run(count, 1);
        else
            c.run_odd(count, spare, [](bool, int) { return true; });
    };
    bool makes = false;
    for (const made_value& v : code.made) makes = makes || !v.when_broadcast;
    if (!makes) {
        run(l, 0, n);
        return true;
    }
    for (int64 at = 0; at < n; at += piece) {
        const int64 count = std::min(piece, n - at);
        for (const loop& m : l.before)
            if (!code.made[m.outputs[0].keep].when_broadcast) run(m, at, count);
        run(l, at, count);
    }
    return true;
}

template <class Team>
void run_map(const stage_loops& code, const ir::bound_stage& b) {
    const map_plan p(code, b);
    using engine = worker<map_engine>;
    const int threads = p.blocks() < 2 ? 1 : Team::size(work_of(code, p.elements()));
    if (threads < 2) {
        alignas(arena::line) std::byte small[stack_bytes];
        engine w(p, code, b, small, stack_bytes);
        w.engine.run(0, p.blocks());
        return w.engine.leave();
    }
    // Several parts for each thread, so that one that is held up does not hold up all.
    const int64 parts = std::min<int64>(p.blocks(), 8 * threads);
    const team_memory memory(threads, engine_bytes(code, p.block.room(), group));
    struct share {
        engine w;
        int64 parts, blocks;
        void operator()(int64 i) { w.engine.run(blocks * i / parts, blocks * (i + 1) / parts); }
    };
    Team::template run<share>(threads, parts, [&](int thread) {
        return share{{p, code, b, memory.part(thread), memory.size()}, parts, p.blocks()};
    });
    engine(p, code, b, memory.part(0), memory.size()).engine.leave();
}

/// Few rows, so long that all threads work on each of them.
template <class Team>
void run_long_rows(const row_plan& p,
                   const stage_loops& code,
                   const ir::bound_stage& b,
                   int threads,
                   std::byte* totals) {
    const team_memory memory(threads + 1, engine_bytes(code, p.block.room(), p.rows()));
    const int64 rows = whole_groups(p.rows());
    int most = 0;
    for (const loop& l : code.pass) most = std::max(most, l.outputs.count);
    const int64 each = rows * state_bytes, chunks = p.chunks();
    const team_memory states(1, each * most * chunks);
    worker<row_engine> lead(p, code, b, memory.part(0), memory.size());
    struct share {
        worker<row_engine> w;
        int pass;
        std::byte* states;
        int64 each;
        share(const row_plan& plan,
              const stage_loops& loops,
              const ir::bound_stage& bound,
              std::byte* first,
              int64 size,
              const row_engine& lead,
              int k,
              std::byte* to,
              int64 step)
            : w(plan, loops, bound, first, size, false), pass(k), states(to), each(step) {
            w.engine.join(lead);
        }
        void operator()(int64 chunk) {
            w.engine.fold(pass, chunk);
            const int folds = w.engine.folds(pass);
            for (int f = 0; f < folds; ++f)
                w.engine.copy_part(pass, f, states + (chunk * folds + f) * each);
        }
    };
    if (totals != nullptr) {
        lead.engine.totals().start(totals);
        lead.engine.totals().share();
    }
    for (int64 i = 0; i < p.outer_tiling().count; ++i) {
        lead.engine.begin(i);
        for (int k = 0; k < code.passes; ++k) {
            lead.engine.enter(k);
            if (!lead.engine.walks(k)) continue;
            Team::template run<share>(threads, chunks, [&](int thread) {
                return share(p,
                             code,
                             b,
                             memory.part(thread + 1),
                             memory.size(),
                             lead.engine,
                             k,
                             states.part(0),
                             each);
            });
            lead.engine.start(k);
            const int folds = lead.engine.folds(k);
            for (int64 chunk = 0; chunk < chunks; ++chunk)
                for (int f = 0; f < folds; ++f)
                    lead.engine.add(k, f, states.part(0) + (chunk * folds + f) * each);
            lead.engine.finish(k);
        }
        lead.engine.leave();
    }
    if (totals != nullptr) lead.engine.totals().leave(totals);
}

/// Rows by themselves.
template <class Team>
void run_each_row(const row_plan& p,
                  const stage_loops& code,
                  const ir::bound_stage& b,
                  int threads) {
    using engine = worker<row_engine>;
    const int64 tiles = p.outer_tiling().count;
    if (threads > 1 && tiles < 2 * threads && p.chunks() > 1)
        return run_long_rows<Team>(p, code, b, threads, nullptr);
    if (threads < 2 || tiles < 2) {
        alignas(arena::line) std::byte small[stack_bytes];
        engine w(p, code, b, small, stack_bytes);
        for (int64 i = 0; i < tiles; ++i) w.engine.run(i);
        return;
    }
    const int64 parts = std::min<int64>(tiles, 8 * threads);
    const team_memory memory(threads,
                             engine_bytes(code, p.block.room(), p.rows()) +
                                 code.made.count * (p.kept() * 8 + arena::line));
    struct share {
        engine w;
        int64 parts, tiles;
        void operator()(int64 i) {
            for (int64 t = tiles * i / parts; t < tiles * (i + 1) / parts; ++t) w.engine.run(t);
        }
    };
    Team::template run<share>(threads, parts, [&](int thread) {
        return share{{p, code, b, memory.part(thread), memory.size()}, parts, tiles};
    });
}

/// Columns of what the rows have stored.
template <class Team>
void run_columns_again(const row_plan& p,
                       const stage_loops& code,
                       const ir::bound_stage& b,
                       int threads) {
    const borrowed states(row_totals::bytes(p, code));
    struct share {
        const row_plan& p;
        const stage_loops& code;
        const ir::bound_stage& b;
        std::byte* states;
        void operator()(int64 chunk) {
            fold_stored(p,
                        code,
                        b,
                        chunk * p.chunk,
                        std::min((chunk + 1) * p.chunk, p.row_tiling().count),
                        states);
        }
    };
    Team::template run<share>(threads, p.chunks(), [&](int) {
        return share{p, code, b, states.data()};
    });
    finish_totals(p, code, b, states.data(), 1);
}

/// Rows that are reduced over as well.
template <class Team>
void run_totals(const row_plan& p, const stage_loops& code, const ir::bound_stage& b) {
    using engine = worker<row_engine>;
    const int64 tiles = b.rows == 0 ? 0 : p.outer_tiling().count;
    bool columns = false, elements = false, alone = false;
    for (const total_value& t : code.totals) {
        columns = columns || t.columns;
        elements = elements || t.reg < 0;
        alone = alone || (t.reg < 0 && !t.columns);
    }
    // Merging a part costs as much as a row of the totals.
    constexpr int64 most_parts = 32, least_rows = 8;
    const int64 parts = std::min(std::min(tiles, most_parts),
                                 columns ? std::max<int64>(b.rows / least_rows, 1) : tiles);
    const int64 each = row_totals::bytes(p, code);
    const borrowed states(each * std::max<int64>(parts, 1));
    const int threads =
        Team::size(work_of(code, p.outer().length * std::max<int64>(p.row().length, 1)));
    // Threads that share a row share the states of its columns, tile by tile; a total of all
    // elements takes them in one order.
    const bool shares = !elements || (parts == 1 && !alone && !p.lanes);
    if (threads > 1 && (tiles < 2 * threads || parts == 1) && p.chunks() > 1 && shares &&
        tiles > 0) {
        run_long_rows<Team>(p, code, b, threads, states.data());
        return finish_totals(p, code, b, states.data(), 1);
    }
    const auto run_part = [&](row_engine& e, int64 i) {
        e.totals().start(parts == 1 ? states.data() : nullptr);
        for (int64 t = tiles * i / parts; t < tiles * (i + 1) / parts; ++t) e.run(t);
        e.totals().leave(states.data() + i * each);
    };
    if (threads < 2 || parts < 2) {
        alignas(arena::line) std::byte small[stack_bytes];
        if (parts > 0) {
            engine w(p, code, b, small, stack_bytes);
            for (int64 i = 0; i < parts; ++i) run_part(w.engine, i);
        }
        return finish_totals(p, code, b, states.data(), parts);
    }
    const team_memory memory(threads,
                             engine_bytes(code, p.block.room(), p.rows()) + 2 * each +
                                 code.made.count * (p.kept() * 8 + arena::line));
    struct share {
        engine w;
        const decltype(run_part)& part;
        void operator()(int64 i) { part(w.engine, i); }
    };
    Team::template run<share>(threads, parts, [&](int thread) {
        return share{{p, code, b, memory.part(thread), memory.size()}, run_part};
    });
    finish_totals(p, code, b, states.data(), parts);
}

template <class Team>
void run_rows(const stage_loops& code, const ir::bound_stage& b) {
    const row_plan p(code, b);
    if (code.totals.count > 0 && !p.columns_again) return run_totals<Team>(p, code, b);
    const int threads =
        Team::size(work_of(code, p.outer().length * std::max<int64>(p.row().length, 1)));
    run_each_row<Team>(p, code, b, threads);
    if (p.columns_again) run_columns_again<Team>(p, code, b, threads);
}

/// What a stage needs of the engine: known when it is compiled, so that a file pays for no more.
enum class engine_kind : unsigned char {
    product,
    rows,      // several passes
    elements,  // one pass, every element by itself
    either,    // one pass with values of the row: by elements where these are the same for all rows
};

/// Runs a stage whose broadcast values are computed.
template <class Team, engine_kind Kind>
void run_prepared(const stage_loops& code, const ir::bound_stage& b) {
    if constexpr (Kind == engine_kind::rows) {
        run_rows<Team>(code, b);
    } else if constexpr (Kind == engine_kind::either) {
        bool map = true;
        for (int d = b.outer_rank; map && d < b.outer_rank + b.row_rank; ++d)
            map = b.extent[d] != 0;
        for (const row_value& v : code.pass[0].row_loads)
            map = map && !moves(b, b.load[v.number], 0, b.outer_rank);
        if (map) {
            run_map<Team>(code, b);
        } else {
            run_rows<Team>(code, b);
        }
    } else {
        run_map<Team>(code, b);
    }
}

/// Runs stage `b` of that kind with the loops of its code. Lifts: some may compute broadcast
/// values.
template <class Team, engine_kind Kind, bool Lifts>
void run_stage(const stage_loops& code, const ir::bound_stage& b) {
    const int rank = b.outer_rank + (Kind == engine_kind::elements ? b.row_rank : 0);
    for (int d = 0; d < rank; ++d)
        if (b.extent[d] == 0 && code.totals.count == 0 && (b.folded >> d & 1) == 0) return;
    if constexpr (Kind == engine_kind::product) {
        if constexpr (Lifts) {
            const lifted ready(code, b, &run_map<Team>);
            run_product<Team>(code, ready.stage());
        } else {
            run_product<Team>(code, b);
        }
    } else {
        if (Kind == engine_kind::elements &&
            work_of(code, 1) * b.rows * b.row_length < 2 * thread_work && run_plain(code, b))
            return;
        if constexpr (Lifts) {
            const lifted ready(code, b, &run_map<Team>);
            run_prepared<Team, Kind>(code, ready.stage());
        } else {
            run_prepared<Team, Kind>(code, b);
        }
    }
}

/// The threads of a backend's files.
template <class Backend>
constexpr bool has_threads() {
    if constexpr (requires { Backend::threads; }) {
        return Backend::threads;
    } else {
        return false;
    }
}
#if SINTER_OPENMP
template <class Backend>
using team_of = select_t<has_threads<Backend>(), openmp_threads, single_thread>;
#else
template <class Backend>
using team_of = single_thread;
#endif

}  // namespace sinter::cpu
