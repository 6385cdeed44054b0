// How a stage reaches the device that runs its kernels.
#pragma once

#include "sinter/exec/launch_kernel.hpp"

namespace sinter::exec {

using launcher = void (*)(const ir::bound_stage&, const runtime::launch_record&);

/// What runs stage C on the devices of backend B; null when B has only the host.
template <class C, class B>
constexpr launcher launcher_of() {
#if SINTER_EMULATOR
    if constexpr (same_v<B, emulator_backend>) return &run_on_emulator<C>;
#elif SINTER_NVCC
    if constexpr (same_v<B, cuda_backend> || same_v<B, threaded<cuda_backend>>)
        return &run_on_cuda<C>;
#endif
    return nullptr;
}

}  // namespace sinter::exec
