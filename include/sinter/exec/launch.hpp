// How a stage reaches the device that runs its kernels.
#pragma once

#include "sinter/exec/product_pass.hpp"

namespace sinter::exec {

using launcher = void (*)(const ir::bound_stage&, const runtime::launch_record&);

/// What of backend B runs kernels, and whether a library may do products before them.
template <class B>
struct kernels_of {
    using type = B;
    static constexpr bool beside_library = false;
};
template <class B>
struct kernels_of<threaded<B>> : kernels_of<B> {};
template <class B>
struct kernels_of<beside_library<B>> : kernels_of<B> {
    static constexpr bool beside_library = true;
};

/// True when files of backend B hold kernels.
template <class B>
inline constexpr bool has_kernels = !same_v<typename kernels_of<B>::type, host_backend>;

/// True when backend B may run stage C as a library's product and one map.
template <class C, class B>
constexpr bool may_take_pass() {
    return kernels_of<B>::beside_library && product_takes_pass<C>();
}

/// What runs stage C on the devices of backend B; null when B has only the host.
template <class C, class B>
constexpr launcher launcher_of() {
    using kernels [[maybe_unused]] = typename kernels_of<B>::type;
#if SINTER_EMULATOR
    if constexpr (same_v<kernels, emulator_backend>) {
        if constexpr (may_take_pass<C, B>())
            return &run_beside_library<C, &run_on_emulator<C>, &run_on_emulator<pass_after<C>>>;
        else
            return &run_on_emulator<C>;
    }
#elif SINTER_NVCC
    if constexpr (same_v<kernels, cuda_backend>) {
        if constexpr (may_take_pass<C, B>())
            return &run_beside_library<C, &run_on_cuda<C>, &run_on_cuda<pass_after<C>>>;
        else
            return &run_on_cuda<C>;
    }
#endif
    return nullptr;
}

}  // namespace sinter::exec
