// Costly functions of what is broadcast, products of rows and columns, transposed operands.
#include "comparison.hpp"

namespace {

using namespace fusion;

struct grid {
    matrix x, z;
    vector row, other_row;
    matrix column;
    scalar one;
    matrix y, t, u;
    vector row_part;
    matrix column_part;
    scalar one_part;
};
grid grid_of(int64 m, int64 n) {
    return {sample(m, n),
            sample(m, n),
            sample(n),
            sample(n),
            sample(m, int64{1}),
            sample(),
            sample(m, n),
            sample(m, n),
            sample(m, n),
            sample(n),
            sample(m, int64{1}),
            sample()};
}

void add_broadcasts(const std::string& size, int64 m, int64 n) {
    const auto make = [m, n] { return grid_of(m, n); };
    compare("x + row" + size, make)
        .fused([](grid& o) { o.y = o.x * o.z + o.row; })
        .split([](grid& o) {
            o.t = o.x * o.z;
            o.y = o.t + o.row;
        });
    compare("x + column" + size, make)
        .fused([](grid& o) { o.y = o.x * o.z + o.column; })
        .split([](grid& o) {
            o.t = o.x * o.z;
            o.y = o.t + o.column;
        });
    compare("x + exp(row)" + size, make)
        .fused([](grid& o) { o.y = o.x + exp(o.row); })
        .split([](grid& o) {
            o.row_part = exp(o.row);
            o.y = o.x + o.row_part;
        });
    compare("x * tanh(column)" + size, make)
        .fused([](grid& o) { o.y = o.x * tanh(o.column); })
        .split([](grid& o) {
            o.column_part = tanh(o.column);
            o.y = o.x * o.column_part;
        });
    compare("x * exp(sin(row) * other row)" + size, make)
        .fused([](grid& o) { o.y = o.x * exp(sin(o.row) * o.other_row); })
        .split([](grid& o) {
            o.row_part = exp(sin(o.row) * o.other_row);
            o.y = o.x * o.row_part;
        });
    compare("row * column" + size, make)
        .fused([](grid& o) { o.y = o.row * o.column; })
        .split([](grid& o) {
            o.t = sn::broadcast_to(o.row, o.y.extents()) * 1.0F;
            o.y = o.t * o.column;
        });
    compare("exp(row) * exp(column)" + size, make)
        .fused([](grid& o) { o.y = exp(o.row) * exp(o.column); })
        .split([](grid& o) {
            o.row_part = exp(o.row);
            o.column_part = exp(o.column);
            o.y = o.row_part * o.column_part;
        });
    compare("x * row * column" + size, make)
        .fused([](grid& o) { o.y = o.x * o.row * o.column; })
        .split([](grid& o) {
            o.t = o.x * o.row;
            o.y = o.t * o.column;
        });
    compare("x * exp(rank 0)" + size, make)
        .fused([](grid& o) { o.y = o.x * exp(o.one); })
        .split([](grid& o) {
            o.one_part = exp(o.one);
            o.y = o.x * o.one_part;
        });
    compare("(x * row + other row) * column + rank 0" + size, make)
        .fused([](grid& o) { o.y = (o.x * o.row + o.other_row) * o.column + o.one; })
        .split([](grid& o) {
            o.t = o.x * o.row + o.other_row;
            o.y = o.t * o.column + o.one;
        })
        .split([](grid& o) {
            o.t = o.x * o.row + o.other_row;
            o.t = o.t * o.column;
            o.y = o.t + o.one;
        });
    compare("exp(x) less a row, times a column" + size, make)
        .fused([](grid& o) { o.y = (exp(o.x) - o.row) * o.column; })
        .split([](grid& o) {
            o.t = exp(o.x);
            o.y = (o.t - o.row) * o.column;
        });
}

struct cubes {
    cube planes, lines, y, t, u;
};
void add_cubes() {
    const auto make = [] {
        return cubes{sample(64, 1, 256),
                     sample(1, 64, 256),
                     sample(64, 64, 256),
                     sample(64, 64, 256),
                     sample(64, 1, 256)};
    };
    compare("product of two broadcast cubes", make)
        .fused([](cubes& o) { o.y = o.planes * o.lines + 1; })
        .split([](cubes& o) {
            o.t = o.planes * o.lines;
            o.y = o.t + 1;
        });
    compare("exp of one broadcast cube times the other", make)
        .fused([](cubes& o) { o.y = exp(o.planes) * o.lines; })
        .split([](cubes& o) {
            o.u = exp(o.planes);
            o.y = o.u * o.lines;
        });
}

struct squares {
    matrix x, z, y, t, u;
};
squares squares_of(int64 n) {
    return {sample(n, n), sample(n, n), sample(n, n), sample(n, n), sample(n, n)};
}
void add_transposes(const std::string& size, int64 n) {
    const auto make = [n] { return squares_of(n); };
    compare("x + transpose(x)" + size, make)
        .fused([](squares& o) { o.y = o.x + transpose(o.x); })
        .split([](squares& o) {
            o.t = transpose(o.x) * 1.0F;
            o.y = o.x + o.t;
        });
    compare("exp(transpose(x)) * z" + size, make)
        .fused([](squares& o) { o.y = exp(transpose(o.x)) * o.z; })
        .split([](squares& o) {
            o.t = transpose(o.x) * 1.0F;
            o.y = exp(o.t) * o.z;
        })
        .split([](squares& o) {
            o.t = exp(o.x);
            o.y = transpose(o.t) * o.z;
        });
    compare("transpose(x) * transpose(z)" + size, make)
        .fused([](squares& o) { o.y = transpose(o.x) * transpose(o.z); })
        .split([](squares& o) {
            o.t = o.x * o.z;
            o.y = transpose(o.t) * 1.0F;
        })
        .split([](squares& o) {
            o.t = transpose(o.x) * 1.0F;
            o.u = transpose(o.z) * 1.0F;
            o.y = o.t * o.u;
        });
    compare("exp(x + transpose(z)) * transpose(x)" + size, make)
        .fused([](squares& o) { o.y = exp(o.x + transpose(o.z)) * transpose(o.x); })
        .split([](squares& o) {
            o.t = exp(o.x + transpose(o.z));
            o.y = o.t * transpose(o.x);
        })
        .split([](squares& o) {
            o.t = transpose(o.z) * 1.0F;
            o.u = transpose(o.x) * 1.0F;
            o.y = exp(o.x + o.t) * o.u;
        });
}
void add_permutations() {
    const auto make = [] {
        return cubes{sample(96, 96, 96),
                     sample(96, 96, 96),
                     sample(96, 96, 96),
                     sample(96, 96, 96),
                     sample(96, 96, 96)};
    };
    compare("x + permute(x, 2 0 1)", make)
        .fused([](cubes& o) { o.y = o.planes + permute(o.lines, sn::axes<2, 0, 1>); })
        .split([](cubes& o) {
            o.t = permute(o.lines, sn::axes<2, 0, 1>) * 1.0F;
            o.y = o.planes + o.t;
        });
    compare("exp(permute(x, 0 2 1)) + permute(z, 1 0 2)", make)
        .fused([](cubes& o) {
            o.y = exp(permute(o.lines, sn::axes<0, 2, 1>)) + permute(o.planes, sn::axes<1, 0, 2>);
        })
        .split([](cubes& o) {
            o.t = permute(o.lines, sn::axes<0, 2, 1>) * 1.0F;
            o.y = exp(o.t) + permute(o.planes, sn::axes<1, 0, 2>);
        })
        .split([](cubes& o) {
            o.t = exp(o.lines);
            o.y = permute(o.t, sn::axes<0, 2, 1>) + permute(o.planes, sn::axes<1, 0, 2>);
        });
}

const bool added = [] {
    add_broadcasts(", 1000 x 1000", 1000, 1000);
    add_broadcasts(", 50000 x 10", 50'000, 10);
    add_cubes();
    add_transposes(", 1000 x 1000", 1000);
    add_transposes(", 1024 x 1024", 1024);
    add_permutations();
    return true;
}();

}  // namespace
