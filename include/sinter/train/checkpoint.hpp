/// Lets `train::fit` write and read checkpoints: include this in one file of the program. It needs
/// nlohmann-json (CMake: the component json).
#pragma once

#include "sinter/io/safetensors.hpp"
#include "sinter/train/store.hpp"

namespace sinter::train::detail {

inline void save_checkpoint(const std::filesystem::path& path, const io::named_arrays& arrays) {
    io::save_safetensors(path, arrays);
}
inline io::named_arrays load_checkpoint(const std::filesystem::path& path) {
    return io::load_safetensors(path, device::host());
}
inline const bool checkpoints_can_be_written =
    (the_checkpoint_format = {save_checkpoint, load_checkpoint}, true);

}  // namespace sinter::train::detail
