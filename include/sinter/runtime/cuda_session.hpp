// A few calls into CUDA on one device, with errors as exceptions.
#pragma once

#include <string>

#include "sinter/core/error.hpp"
#include "sinter/runtime/faults.hpp"

namespace sinter::runtime {

/// Makes a CUDA device current while it lives, then the previous one again, so that the caller's
/// own CUDA code sees no change. `code()` is the first failure.
class device_switch {
public:
    device_switch(const cuda_api& api, int index) noexcept : api_(&api) {
        code_ = api.get_device(&previous_);
        if (code_ != cuda_success || previous_ == index) return;
        code_ = api.set_device(index);
        moved_ = code_ == cuda_success;
    }
    ~device_switch() {
        if (moved_ && api_->set_device(previous_) != cuda_success) api_->get_last_error();
    }
    device_switch(const device_switch&) = delete;
    device_switch& operator=(const device_switch&) = delete;

    int code() const { return code_; }

private:
    const cuda_api* api_;
    int previous_ = 0, code_ = cuda_success;
    bool moved_ = false;
};

/// The calls into CUDA on device `d` for one operation of the library.
class cuda_session {
public:
    /// Throws device_error when `d` does not exist, has failed or cannot become current. Errors
    /// name the operation followed by `detail`.
    [[gnu::noinline]] cuda_session(device d, const char* operation, const char* detail = "")
        : device_(checked(d, operation, detail)),
          operation_(operation),
          detail_(detail),
          api_(current_cuda_api()),
          switch_(*api_, d.index()) {
        check(switch_.code(), "cudaSetDevice");
    }

    const cuda_api* operator->() const { return api_; }
    const cuda_api& api() const { return *api_; }

    /// Throws device_error when `code` is a failure of the CUDA function `call`, and clears it, so
    /// that the next operation works.
    void check(int code, const char* call) const {
        if (code != cuda_success) fail(code, call);
    }
    [[noreturn, gnu::cold]] void fail(int code, const char* call) const {
        api_->get_last_error();
        if (is_sticky(code))
            throw device_error(log().fault(device_,
                                           sinter::detail::sentence({api_->error_string(code),
                                                                     " (error ",
                                                                     code,
                                                                     " from ",
                                                                     call,
                                                                     ", ",
                                                                     operation_,
                                                                     detail_,
                                                                     ")"})));
        sinter::detail::refuse<device_error>({operation_,
                                              detail_,
                                              " on ",
                                              device_.name(),
                                              ": ",
                                              api_->error_string(code),
                                              " (",
                                              call,
                                              " returned error ",
                                              code,
                                              ")."});
    }

    /// The kernels in flight on this device.
    fault_log& log() const { return fault_log_of(device_.index()); }

private:
    static device checked(device d, const char* operation, const char* detail) {
        require_device(d, operation, detail);
        if (has_fault(d.index())) throw device_error(fault_log_of(d.index()).fault(d, ""));
        return d;
    }

    device device_;
    const char *operation_, *detail_;
    const cuda_api* api_;
    device_switch switch_;
};

/// An attribute of a CUDA device.
inline int attribute(device d, cuda_attribute what) {
    const cuda_session cuda(d, "query a device");
    int value = 0;
    cuda.check(cuda->device_attribute(&value, what, d.index()), "cudaDeviceGetAttribute");
    return value;
}

}  // namespace sinter::runtime
