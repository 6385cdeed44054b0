/// safetensors: named arrays in one file, as PyTorch and others read and write them. Needs
/// nlohmann-json (CMake: sinter::json).
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "sinter/io/array.hpp"
#include "sinter/io/file.hpp"

namespace sinter::io {

/// Text by name, as a safetensors file may carry.
using metadata = std::map<std::string, std::string>;

namespace safetensors {

/// Larger headers are refused, as by the format's own library.
inline constexpr uint64 most_header = 100'000'000;

struct type_name {
    const char* text;
    dtype type;
};
inline constexpr type_name type_names[] = {{"BOOL", dtype::boolean},
                                           {"U8", dtype::u8},
                                           {"I8", dtype::i8},
                                           {"I16", dtype::i16},
                                           {"I32", dtype::i32},
                                           {"I64", dtype::i64},
                                           {"F16", dtype::f16},
                                           {"BF16", dtype::bf16},
                                           {"F32", dtype::f32},
                                           {"F64", dtype::f64}};

struct entry {
    std::string name;
    std::optional<dtype> type;
    std::optional<std::vector<int64>> shape;
    std::vector<uint64> offsets;
    bool has_offsets = false;
};

/// Reads the header's JSON as it is parsed, so that nothing is built that does not belong there and
/// names that stand twice are seen.
class header_reader final : public nlohmann::json_sax<nlohmann::json> {
public:
    std::vector<entry> entries;
    metadata texts;
    std::string complaint;

    bool null() override { return unexpected("null"); }
    bool boolean(bool) override { return unexpected("a truth value"); }
    bool number_float(double, const std::string& text) override {
        return unexpected("the number " + text);
    }
    bool number_integer(std::int64_t v) override {
        return unexpected("the number " + std::to_string(v));
    }
    bool binary(nlohmann::json::binary_t&) override { return unexpected("bytes"); }
    bool number_unsigned(std::uint64_t v) override {
        if (depth_ != 3) return unexpected("the number " + std::to_string(v));
        if (key_ == "shape") {
            if (v >= uint64{1} << 63)
                return say("the extent " + std::to_string(v) + " of " + place() + " is too large");
            entries.back().shape->push_back(static_cast<int64>(v));
        } else {
            entries.back().offsets.push_back(v);
        }
        return true;
    }
    bool string(std::string& text) override {
        if (depth_ == 2 && in_texts_) {
            texts[key_] = text;
            return true;
        }
        if (depth_ != 2 || key_ != "dtype") return unexpected("a text");
        for (const type_name& t : type_names)
            if (text == t.text) {
                entries.back().type = t.type;
                return true;
            }
        return say("the type '" + text + "' of " + place() + " is not one that Sinter has");
    }
    bool start_object(std::size_t) override {
        if (depth_ > 1) return unexpected("an object");
        if (++depth_ == 2) keys_.clear();
        return true;
    }
    bool key(std::string& name) override {
        if (depth_ == 1) {
            if (!names_.insert(name).second) return say("the name '" + name + "' stands twice");
            in_texts_ = name == "__metadata__";
            if (!in_texts_) entries.push_back({name, {}, {}, {}, false});
            return true;
        }
        key_ = name;
        if (!keys_.insert(name).second)
            return say("'" + name + "' stands twice in " + (in_texts_ ? "__metadata__" : place()));
        if (!in_texts_ && name != "dtype" && name != "shape" && name != "data_offsets")
            return say(place() + " has '" + name + "', which is no part of the format");
        return true;
    }
    bool end_object() override {
        if (depth_-- < 2 || in_texts_) return true;
        const entry& e = entries.back();
        if (!e.type || !e.shape || !e.has_offsets)
            return say(place() + " lacks " +
                       (!e.type    ? "dtype"
                        : !e.shape ? "shape"
                                   : "data_offsets"));
        if (e.offsets.size() != 2)
            return say(place() + " has " + std::to_string(e.offsets.size()) +
                       " data_offsets instead of 2");
        return true;
    }
    bool start_array(std::size_t) override {
        if (depth_ != 2 || in_texts_ || key_ == "dtype") return unexpected("a list");
        if (key_ == "shape")
            entries.back().shape.emplace();
        else
            entries.back().has_offsets = true;
        ++depth_;
        return true;
    }
    bool end_array() override {
        --depth_;
        return true;
    }
    bool parse_error(std::size_t at,
                     const std::string&,
                     const nlohmann::json::exception&) override {
        return say("its header is no JSON from byte " + std::to_string(at) + " on");
    }

private:
    std::string place() const { return "'" + entries.back().name + "'"; }
    bool say(std::string what) {
        if (complaint.empty()) complaint = std::move(what);
        return false;
    }
    bool unexpected(const std::string& what) {
        return say("its header has " + what + " where " +
                   (depth_ == 0   ? "the object of all arrays"
                    : depth_ == 1 ? "the object of an array"
                    : in_texts_   ? "a text of __metadata__"
                    : depth_ == 3 ? "an extent or offset"
                                  : "the " + key_ + " of " + place()) +
                   " belongs");
    }

    int depth_ = 0;  // 1: in the object, 2: in an array's, 3: in a list
    bool in_texts_ = false;
    std::string key_;
    std::set<std::string> names_, keys_;
};

/// A file whose header has been read and checked in full; of the data nothing has been read.
class reader {
public:
    explicit reader(const std::filesystem::path& path) : file_(path) {
        unsigned char bytes[8]{};
        if (file_.read(bytes, 8) != 8)
            refuse(path,
                   "it has " + std::to_string(file_.most()) +
                       " bytes, which is too short for safetensors");
        uint64 header = 0;
        for (int i = 7; i >= 0; --i) header = header << 8 | bytes[i];
        if (header > most_header)
            refuse(path,
                   "its header is said to have " + std::to_string(header) +
                       " bytes; more than 100000000 are not allowed");
        if (header > file_.most() - 8)
            refuse(path,
                   "its header is said to have " + std::to_string(header) + " bytes, but only " +
                       std::to_string(file_.most() - 8) + " follow");
        std::string text(static_cast<std::size_t>(header), '\0');
        file_.read_at(text.data(), text.size(), 8);
        if (text.empty() || text[0] != '{') refuse(path, "its header does not begin with {");
        const bool good = nlohmann::json::sax_parse(text, &header_);
        if (!good) refuse(path, header_.complaint);
        data_ = 8 + header;
        check_places();
    }
    const metadata& texts() const { return header_.texts; }
    /// All arrays on `where`.
    named_arrays load(device where) {
        named_arrays r;
        for (const entry& e : header_.entries) {
            const array host(
                runtime::allocate(device::host(),
                                  static_cast<std::size_t>(e.offsets[1] - e.offsets[0])),
                *e.type,
                *e.shape);
            file_.read_at(host.data(), host.bytes(), data_ + e.offsets[0]);
            if (*e.type == dtype::boolean) check_truths(e, host);
            if (where.is_host()) {
                r.add(e.name, host);
                continue;
            }
            array there(runtime::allocate(where, host.bytes()), *e.type, *e.shape);
            there.fill_from(host);
            r.add(e.name, std::move(there));
        }
        return r;
    }

private:
    // Sizes against shapes, then that the arrays lie one after the other to the end of the file.
    void check_places() const {
        const uint64 all = file_.most() - data_;
        std::vector<const entry*> order;
        for (const entry& e : header_.entries) {
            const std::string begin = "'" + e.name + "' ";
            const uint64 first = e.offsets[0], last = e.offsets[1];
            if (first > last || last > all)
                refuse(file_.path(),
                       begin + "lies at bytes " + std::to_string(first) + " to " +
                           std::to_string(last) + " of " + std::to_string(all));
            uint64 size = static_cast<uint64>(size_of(*e.type));
            bool fits = true;
            // A zero makes any product of the others harmless, but not a valid one.
            for (const int64 n : *e.shape)
                if (n != 0) fits = fits && multiply(size, static_cast<uint64>(n), size);
            for (const int64 n : *e.shape)
                if (n == 0) size = 0;
            if (!fits || size != last - first)
                refuse(file_.path(),
                       begin + "has the shape " +
                           shape_text(e.shape->data(), static_cast<int>(e.shape->size())) + " of " +
                           name_of(*e.type) + ", which does not make " +
                           std::to_string(last - first) + " bytes");
            order.push_back(&e);
        }
        std::sort(order.begin(), order.end(), [](const entry* a, const entry* b) {
            return a->offsets < b->offsets;
        });
        uint64 end = 0;
        for (const entry* e : order) {
            if (e->offsets[0] != end)
                refuse(file_.path(),
                       "'" + e->name + "' begins at byte " + std::to_string(e->offsets[0]) +
                           ", but the arrays before it end at " + std::to_string(end));
            end = e->offsets[1];
        }
        if (end != all)
            refuse(file_.path(),
                   "its arrays end at byte " + std::to_string(end) + ", but it has " +
                       std::to_string(all) + " bytes of data");
    }
    void check_truths(const entry& e, const array& a) const {
        const auto* p = static_cast<const unsigned char*>(a.data());
        for (std::size_t i = 0; i < a.bytes(); ++i)
            if (p[i] > 1)
                refuse(file_.path(),
                       "'" + e.name + "' holds the byte " + std::to_string(p[i]) +
                           " as a truth value");
    }

    file_source file_;
    header_reader header_;
    uint64 data_ = 0;
};

inline const char* text_of(dtype d) {
    for (const type_name& t : type_names)
        if (t.type == d) return t.text;
    return "";
}

}  // namespace safetensors

/// The arrays of a safetensors file, on `where`, in the order of its header. Everything that the
/// file says is checked before memory is taken for its data. Throws io_error, which names the file
/// and what is wrong.
inline named_arrays load_safetensors(const std::filesystem::path& path,
                                     device where = default_device()) {
    return safetensors::reader(path).load(where);
}
/// The text that the file carries (`__metadata__`).
inline metadata safetensors_metadata(const std::filesystem::path& path) {
    return safetensors::reader(path).texts();
}
/// Fills `to`, name by name, from a safetensors file. Throws, with nothing changed, when the file
/// is malformed or names, types or shapes differ; names that only the file has are an error unless
/// `strict` is false.
inline void load_safetensors_into(const std::filesystem::path& path,
                                  const named_arrays& to,
                                  bool strict = true) {
    copy_into(to, load_safetensors(path, device::host()), strict);
}

/// Writes arrays, from any device, as a safetensors file. At any moment there is the old file or
/// the whole new one. Data are laid out by element size, so that each array is aligned. Throws
/// io_error.
inline void save_safetensors(const std::filesystem::path& path,
                             const named_arrays& arrays,
                             const metadata& texts = {{"format", "pt"}}) {
    std::vector<std::size_t> order;
    std::vector<const named_arrays::entry*> entries;
    for (const auto& e : arrays) {
        if (e.first == "__metadata__") refuse_write(path, "no array can be called __metadata__");
        order.push_back(entries.size());
        entries.push_back(&e);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return size_of(entries[a]->second.type()) > size_of(entries[b]->second.type());
    });
    std::vector<std::size_t> first(entries.size());
    std::size_t at = 0;
    for (const std::size_t i : order) {
        first[i] = at;
        at += entries[i]->second.bytes();
    }
    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!texts.empty()) header["__metadata__"] = texts;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const array& a = entries[i]->second;
        header[entries[i]->first] = {{"dtype", safetensors::text_of(a.type())},
                                     {"shape", a.extents()},
                                     {"data_offsets", {first[i], first[i] + a.bytes()}}};
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const nlohmann::json::exception&) {
        refuse_write(path, "a name is not UTF-8");
    }
    text.resize((text.size() + 7) / 8 * 8, ' ');
    if (text.size() > safetensors::most_header)
        refuse_write(path, "its header would have more than 100000000 bytes");
    write_file(path, [&](auto put) {
        unsigned char size[8];
        for (unsigned i = 0; i < 8; ++i)
            size[i] = static_cast<unsigned char>(text.size() >> (8 * i) & 0xff);
        put(size, 8);
        put(text.data(), text.size());
        for (const std::size_t i : order) {
            const array host = entries[i]->second.on_host();
            put(host.data(), host.bytes());
        }
    });
}

}  // namespace sinter::io
