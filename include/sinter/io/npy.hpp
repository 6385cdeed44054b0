// .npy: one array in a file, as NumPy reads and writes it.
#pragma once

#include "sinter/io/array.hpp"
#include "sinter/io/file.hpp"

namespace sinter::io {

namespace npy {

struct type_name {
    const char* text;
    dtype type;
};
inline constexpr type_name type_names[] = {{"|b1", dtype::boolean},
                                           {"|u1", dtype::u8},
                                           {"|i1", dtype::i8},
                                           {"<i2", dtype::i16},
                                           {"<i4", dtype::i32},
                                           {"<i8", dtype::i64},
                                           {"<f2", dtype::f16},
                                           {"<f4", dtype::f32},
                                           {"<f8", dtype::f64}};

/// Reads the header, a Python dictionary of three entries.
class header_reader {
public:
    header_reader(const std::filesystem::path& path, const std::string& text)
        : path_(path), text_(text) {
        expect('{');
        bool seen[3]{};
        while (!taken('}')) {
            const std::string key = word();
            expect(':');
            const int k = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : 3;
            if (k == 3) bad("has the entry '" + key + "', which is no part of the format");
            if (seen[k]) bad("has the entry '" + key + "' twice");
            seen[k] = true;
            if (k == 0) take_type();
            if (k == 1) take_order();
            if (k == 2) take_shape();
            if (!taken(',') && !next_is('}')) bad("lacks a comma");
        }
        if (!seen[0] || !seen[1] || !seen[2]) bad("lacks descr, fortran_order or shape");
        skip();
        if (at_ != text_.size()) bad("goes on after its dictionary");
    }
    dtype type = dtype::f32;
    std::vector<int64> shape;

private:
    [[noreturn]] void bad(const std::string& what) const { refuse(path_, "its header " + what); }
    void skip() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    }
    bool next_is(char c) {
        skip();
        return at_ < text_.size() && text_[at_] == c;
    }
    bool taken(char c) {
        if (!next_is(c)) return false;
        ++at_;
        return true;
    }
    void expect(char c) {
        if (!taken(c)) bad(std::string("lacks ") + c);
    }
    std::string word() {
        skip();
        const char quote = at_ < text_.size() ? text_[at_] : ' ';
        if (quote != '\'' && quote != '"') bad("lacks a text in quotes");
        const std::size_t end = text_.find(quote, at_ + 1);
        if (end == std::string::npos) bad("has a quote without end");
        std::string r = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        return r;
    }
    void take_type() {
        const std::string name = word();
        for (const type_name& t : type_names)
            if (name == t.text) {
                type = t.type;
                return;
            }
        bad("has the type '" + name + "', which is not one that Sinter reads");
    }
    void take_order() {
        skip();
        if (text_.compare(at_, 5, "False") == 0) {
            at_ += 5;
            return;
        }
        if (text_.compare(at_, 4, "True") == 0)
            bad("says that the array is in Fortran's order: save numpy.ascontiguousarray of it");
        bad("has a fortran_order that is neither True nor False");
    }
    void take_shape() {
        expect('(');
        while (!taken(')')) {
            skip();
            uint64 n = 0;
            const std::size_t first = at_;
            for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
                if (!multiply(n, 10, n) || (n += static_cast<uint64>(text_[at_] - '0')) >> 63)
                    bad("has an extent that is too large");
            if (at_ == first) bad("has a shape that is no list of extents");
            shape.push_back(static_cast<int64>(n));
            if (!taken(',') && !next_is(')')) bad("has a shape that is no list of extents");
        }
    }

    const std::filesystem::path& path_;
    const std::string& text_;
    std::size_t at_ = 0;
};

}  // namespace npy

/// The array of a .npy file, on `where`: bool, integers of 8 to 64 bits but unsigned ones above 8,
/// floats of 16 to 64 bits, in C's order. Throws io_error, which names the file and what is wrong,
/// before memory is taken.
inline array load_npy(const std::filesystem::path& path, device where = default_device()) {
    file_source file(path);
    unsigned char head[12]{};
    const std::size_t got = file.read(head, 10);
    if (got < 10 || std::memcmp(head, "\x93NUMPY", 6) != 0)
        refuse(path, "it does not begin as a .npy file");
    uint64 header = uint64{head[8]} | uint64{head[9]} << 8, before = 10;
    if (head[6] == 2 || head[6] == 3) {
        if (file.read(head + 10, 2) != 2) refuse(path, "it ends in its header");
        header |= uint64{head[10]} << 16 | uint64{head[11]} << 24;
        before = 12;
    } else if (head[6] != 1) {
        refuse(path, "it has version " + std::to_string(head[6]) + " of the format");
    }
    if (header > file.most() - before) refuse(path, "it ends in its header");
    std::string text(static_cast<std::size_t>(header), '\0');
    file.read_at(text.data(), text.size(), before);
    const npy::header_reader h(path, text);
    uint64 size = static_cast<uint64>(size_of(h.type));
    bool fits = true;
    for (const int64 n : h.shape) fits = fits && multiply(size, static_cast<uint64>(n), size);
    const uint64 left = file.most() - before - header;
    if (!fits || size != left)
        refuse(path,
               "its shape " + shape_text(h.shape.data(), static_cast<int>(h.shape.size())) +
                   " of " + name_of(h.type) + " does not make the " + std::to_string(left) +
                   " bytes of its data");
    array r(runtime::allocate(device::host(), static_cast<std::size_t>(size)), h.type, h.shape);
    file.read_at(r.data(), r.bytes(), before + header);
    if (h.type == dtype::boolean)
        for (std::size_t i = 0; i < r.bytes(); ++i)
            if (static_cast<const unsigned char*>(r.data())[i] > 1)
                refuse(path, "it holds a truth value that is neither 0 nor 1");
    if (where.is_host()) return r;
    array there(runtime::allocate(where, r.bytes()), h.type, h.shape);
    there.fill_from(r);
    return there;
}

/// Writes an array, from any device, as a .npy file; at any moment there is the old file or the
/// whole new one. bfloat16, which NumPy does not have, is an io_error.
inline void save_npy(const std::filesystem::path& path, const array& a) {
    const char* type = nullptr;
    for (const npy::type_name& t : npy::type_names)
        if (t.type == a.type()) type = t.text;
    if (!type) refuse_write(path, std::string("NumPy has no type for ") + name_of(a.type()));
    std::string text = std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': " +
                       shape_text(a.extents().data(), a.rank()) + ", }";
    // The data begin at a multiple of 64 bytes, after a line end.
    text.resize((10 + text.size() + 1 + 63) / 64 * 64 - 11, ' ');
    text += '\n';
    write_file(path, [&](auto put) {
        const char head[] = {'\x93',
                             'N',
                             'U',
                             'M',
                             'P',
                             'Y',
                             1,
                             0,
                             static_cast<char>(text.size() & 0xff),
                             static_cast<char>(text.size() >> 8)};
        put(head, sizeof head);
        put(text.data(), text.size());
        const array host = a.on_host();
        put(host.data(), host.bytes());
    });
}

}  // namespace sinter::io
