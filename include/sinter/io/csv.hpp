// Tables of numbers as text.
#pragma once

#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>
#include <vector>

#include "sinter/io/file.hpp"
#include "sinter/tensor/create.hpp"

namespace sinter::io {

struct csv_options {
    char delimiter = ',';
    bool header = false;  ///< the first line holds the names of the columns
    char comment = '\0';  ///< lines that begin with it are left out; none by default
};

/// A table: rows of numbers, and the names of its columns if it has them.
template <element T>
struct csv_table {
    std::vector<std::string> columns;
    tensor<T, 2> values;  // (rows, columns), in host memory
};

namespace detail {

/// The fields of CSV text, line by line. Fields may stand in double quotes, in which a quote is
/// doubled; lines end with \n or \r\n; empty lines are left out.
class csv_lines {
public:
    csv_lines(const std::filesystem::path& path, std::string text, const csv_options& o)
        : path_(path), text_(std::move(text)), options_(o) {}

    /// The next line's fields into `fields`; false at the end.
    bool next(std::vector<std::string>& fields) {
        while (at_ < text_.size()) {
            ++line_;
            const char c = text_[at_];
            if (c == '\n' || (c == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n')) {
                at_ += c == '\r' ? 2 : 1;
                continue;
            }
            if (options_.comment != '\0' && c == options_.comment) {
                const std::size_t end = text_.find('\n', at_);
                at_ = end == std::string::npos ? text_.size() : end + 1;
                continue;
            }
            read_line(fields);
            return true;
        }
        return false;
    }
    int64 line() const { return line_; }
    [[noreturn]] void bad(const std::string& what) const {
        refuse(path_, "line " + std::to_string(line_) + " " + what);
    }

private:
    void read_line(std::vector<std::string>& fields) {
        fields.clear();
        while (true) {
            fields.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted() : plain());
            if (at_ >= text_.size()) return;
            const char c = text_[at_++];
            if (c == '\n') return;
            if (c != options_.delimiter) bad("goes on after a closing quote");
        }
    }
    std::string plain() {
        const std::size_t first = at_;
        while (at_ < text_.size() && text_[at_] != options_.delimiter && text_[at_] != '\n') ++at_;
        std::size_t last = at_;
        if (last > first && text_[last - 1] == '\r' && (at_ == text_.size() || text_[at_] == '\n'))
            --last;
        return text_.substr(first, last - first);
    }
    std::string quoted() {
        std::string r;
        for (++at_;; ++at_) {
            if (at_ >= text_.size()) bad("has a quote without end");
            if (text_[at_] != '"') {
                r += text_[at_];
            } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
                r += text_[at_++];
            } else {
                break;
            }
        }
        ++at_;
        if (at_ < text_.size() && text_[at_] == '\r') ++at_;
        return r;
    }

    const std::filesystem::path& path_;
    std::string text_;
    csv_options options_;
    std::size_t at_ = 0;
    int64 line_ = 0;
};

template <class T>
T number_in(const csv_lines& lines, std::string_view field, std::size_t column) {
    const auto blank = [](char c) { return c == ' ' || c == '\t'; };
    while (!field.empty() && blank(field.front())) field.remove_prefix(1);
    while (!field.empty() && blank(field.back())) field.remove_suffix(1);
    if (field.size() > 1 && field.front() == '+' && field[1] != '-') field.remove_prefix(1);
    T v{};
    if constexpr (std::is_floating_point_v<T>)
        if (field.empty()) return std::numeric_limits<T>::quiet_NaN();
    const auto [end, problem] = std::from_chars(field.data(), field.data() + field.size(), v);
    if (problem == std::errc::result_out_of_range)
        lines.bad("has '" + std::string(field) + "' in column " + std::to_string(column + 1) +
                  ", which is out of range");
    if (problem != std::errc() || end != field.data() + field.size())
        lines.bad("has '" + std::string(field) + "' in column " + std::to_string(column + 1) +
                  ", which is no number");
    return v;
}

inline std::string text_of(const std::filesystem::path& path) {
    const auto from = open_source(path);
    std::string text;
    constexpr std::size_t step = std::size_t{1} << 20;
    while (true) {
        const std::size_t before = text.size();
        text.resize(before + step);
        const std::size_t got = from->read(text.data() + before, step);
        text.resize(before + got);
        if (got < step) return text;
    }
}

}  // namespace detail

/// Reads a table of numbers from a CSV file, plain or (with <sinter/io/gzip.hpp>) gzip. T is float,
/// double or an integer type; an empty field is NaN, for integers an error. Throws io_error, which
/// names the file, the line and what is wrong.
template <element T = float>
csv_table<T> read_csv(const std::filesystem::path& path, const csv_options& o = {}) {
    detail::csv_lines lines(path, detail::text_of(path), o);
    csv_table<T> r;
    std::vector<std::string> fields;
    if (o.header && !lines.next(r.columns)) refuse(path, "it holds no line of names");
    std::vector<T> values;
    std::size_t width = r.columns.size();
    int64 rows = 0;
    for (; lines.next(fields); ++rows) {
        if (rows == 0 && !o.header) width = fields.size();
        if (fields.size() != width)
            lines.bad("has " + std::to_string(fields.size()) + " fields, but " +
                      (o.header ? "there are " + std::to_string(width) + " names"
                                : "the first line has " + std::to_string(width)));
        for (std::size_t i = 0; i < width; ++i)
            values.push_back(detail::number_in<T>(lines, fields[i], i));
    }
    r.values = from(values, shape<2>{{rows, static_cast<int64>(width)}}, device::host());
    return r;
}

}  // namespace sinter::io
