// The exceptions of the library. Every message is a sentence that names the operation and what was
// wrong.
#pragma once

#include <stdexcept>
#include <string>

namespace sinter {

/// Base of all errors that the library throws.
struct error : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// Extents do not fit: the message names the operation and both shapes.
struct shape_error : error {
    using error::error;
};
/// A device is missing, differs between operands, or reported a failure.
struct device_error : error {
    using error::error;
};
/// An allocation failed: the message names the device and the bytes.
struct out_of_memory : device_error {
    using device_error::device_error;
};
/// A file is missing, short or malformed.
struct io_error : error {
    using error::error;
};

}  // namespace sinter
