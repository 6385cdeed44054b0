// A module's parameters and buffers as a safetensors file.
#pragma once

#include "sinter/io/safetensors.hpp"
#include "sinter/nn/state.hpp"

namespace sinter::nn {

/// Writes `state_dict(m)`: PyTorch loads the file into the same network. At any moment there is the
/// old file or the whole new one. Throws io_error.
template <module M>
void save(M& m, const std::filesystem::path& path, const state_options& o = {}) {
    io::save_safetensors(path, state_dict(m, o));
}
/// Fills a module from a file that `save` or PyTorch wrote, as `load_state_dict` does. Throws, with
/// nothing changed, io_error for a file that is malformed in any way, and error or shape_error
/// where it is another network's.
template <module M>
void load(M& m, const std::filesystem::path& path, const state_options& o = {}) {
    load_state_dict(m, io::load_safetensors(path, device::host()), o);
}

}  // namespace sinter::nn
